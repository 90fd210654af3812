"""Reading letters from the outbox folder."""

import os

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


def _put(folder, name, age=0):
    path = folder / name
    path.write_bytes(LETTER)
    os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))


def test_letters_come_newest_first_and_page_by_page(tmp_path):
    for age in range(5):
        _put(tmp_path, f"m{age}.eml", age)
    (tmp_path / "note.txt").write_text("not a letter")

    first, more = readers.newest(tmp_path, page=1, per_page=2)
    last, no_more = readers.newest(tmp_path, page=3, per_page=2)

    assert [line.name for line in first] == ["m0.eml", "m1.eml"]
    assert more
    assert [line.name for line in last] == ["m4.eml"]
    assert not no_more
    assert first[0].subject == "Ваше замовлення"
    assert first[0].size == len(LETTER)


def test_a_letter_is_taken_apart(tmp_path):
    _put(tmp_path, "one.eml")

    letter = readers.letter(tmp_path, "one.eml")

    assert letter.text.strip() == "Добрий день"
    assert letter.html is not None
    assert letter.html.strip() == "<p>Добрий день</p>"
    assert ("To", "petro@example.com") in letter.headers


def test_no_folder_yet_means_no_letters(tmp_path):
    assert readers.newest(tmp_path / "none", page=1, per_page=10) == ([], False)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.eml",
        "..%2fsecret.eml",
        "/etc/passwd",
        ".hidden.eml",
        "a/b.eml",
        "a\\b.eml",
        "a.eml\n",
        "x.txt",
        "gone.eml",
    ],
)
def test_a_name_that_is_no_letter_of_the_folder_is_refused(tmp_path, name):
    folder = tmp_path / "outbox"
    folder.mkdir()
    _put(tmp_path, "secret.eml")

    with pytest.raises(readers.NoSuchLetter):
        readers.raw(folder, name)


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    folder = tmp_path / "outbox"
    folder.mkdir()
    _put(tmp_path, "secret.eml")
    (folder / "link.eml").symlink_to(tmp_path / "secret.eml")

    with pytest.raises(readers.NoSuchLetter):
        readers.raw(folder, "link.eml")


def test_a_letter_with_an_unknown_character_set_is_still_readable(tmp_path):
    broken = b"Subject: x\r\nContent-Type: text/plain; charset=no-such-set\r\n\r\nhello\r\n"
    (tmp_path / "odd.eml").write_bytes(broken)

    assert "hello" in readers.letter(tmp_path, "odd.eml").text
