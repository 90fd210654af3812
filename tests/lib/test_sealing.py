"""Secrets are stored sealed."""

from npsapp.lib.sealing import seal, unseal

OLD, NEW = "an old key, 1234567890", "a new key, 1234567890"


def test_what_is_sealed_says_nothing_and_is_read_with_its_key() -> None:
    sealed = seal([OLD], "пароль")

    assert "пароль" not in sealed
    assert unseal([OLD], sealed) == "пароль"
    assert seal([OLD], "пароль") != sealed, "two equal secrets do not look equal"


def test_an_older_key_still_opens_and_a_foreign_one_does_not() -> None:
    sealed = seal([OLD], "secret")

    assert unseal([NEW, OLD], sealed) == "secret"
    assert unseal([NEW], sealed) is None
    assert unseal([OLD], sealed[:-4] + "AAA=") is None
    assert unseal([OLD], "") is None
