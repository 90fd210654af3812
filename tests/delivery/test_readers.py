"""Reading letters from the outbox folder."""

import pytest

from npsapp.delivery import readers

LETTER = (
    "From: =?utf-8?b?0JTQvtC80LDRiNC90ZY=?= <shop@example.com>\r\n"
    "To: petro@example.com\r\n"
    "Subject: =?utf-8?b?0JLQsNGI0LUg0LfQsNC80L7QstC70LXQvdC90Y8=?=\r\n"
    "MIME-Version: 1.0\r\n"
    'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nДобрий день\r\n"
    "--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n<p>Добрий день</p>\r\n"
    "--b--\r\n"
).encode()


def _put(folder, name):
    (folder / name).write_bytes(LETTER)


def test_letters_come_newest_first_and_page_by_page(tmp_path):
    for number in range(5):
        _put(tmp_path, f"20261120-10000{number}-000000001.eml")
    (tmp_path / "note.txt").write_text("not a letter")

    first = readers.newest(tmp_path, offset=0, limit=2)
    last = readers.newest(tmp_path, offset=4, limit=2)

    assert [letter.name[14] for letter in first] == ["4", "3"]
    assert [letter.name[14] for letter in last] == ["0"]
    assert first[0].message["Subject"] == "Ваше замовлення"
    assert first[0].size == len(LETTER)


def test_a_letter_is_taken_apart(tmp_path):
    _put(tmp_path, "one.eml")

    letter = readers.read(tmp_path / "one.eml")

    assert letter.part("plain").strip() == "Добрий день"
    assert letter.part("html").strip() == "<p>Добрий день</p>"
    assert letter.message["To"] == "petro@example.com"


def test_no_folder_yet_means_no_letters(tmp_path):
    assert readers.newest(tmp_path / "none", offset=0, limit=10) == []


@pytest.mark.parametrize(
    "name",
    ["../secret.eml", "..%2fsecret.eml", "/etc/passwd", ".hidden.eml", "a/b.eml", "a\\b.eml", "a.eml\n", "x.txt",
     "gone.eml"],
)  # fmt: skip
def test_a_name_that_is_no_letter_of_the_folder_is_not_found(tmp_path, name):
    folder = tmp_path / "outbox"
    folder.mkdir()
    _put(tmp_path, "secret.eml")

    assert readers.find(folder, name) is None


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "outbox"
    folder.mkdir()
    _put(tmp_path, "secret.eml")
    (folder / "link.eml").symlink_to(tmp_path / "secret.eml")

    assert readers.find(folder, "link.eml") is None
