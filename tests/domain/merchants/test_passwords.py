from domain.merchants import passwords


def test_password_fits_its_hash_only() -> None:
    kept = passwords.hash_password("correct horse battery")

    assert kept.startswith("$argon2id$")
    assert passwords.matches(kept, "correct horse battery")
    assert not passwords.matches(kept, "correct horse")


def test_nobodys_password_fits_nothing() -> None:
    assert not passwords.matches(None, "the password of nobody")


def test_damaged_hash_fits_nothing() -> None:
    assert not passwords.matches("$argon2id$", "x")


def test_hashes_are_salted() -> None:
    assert passwords.hash_password("x") != passwords.hash_password("x")
