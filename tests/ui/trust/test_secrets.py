"""Passwords and tokens in files."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from retrieval.errors import UsageError
from ui.command_line import main
from ui.trust.passwords import Passwords, set_password
from ui.trust.tokens import new_token, same, token_of


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "passwords"


def test_a_password_lets_its_user_in_and_nobody_else(file: Path) -> None:
    set_password(file, "anna", "correct horse")
    set_password(file, "ben", "battery staple")
    passwords = Passwords.read(file)
    assert passwords.are_right("anna", "correct horse")
    assert passwords.are_right("ben", "battery staple")
    for user, password in [("anna", "battery staple"), ("anna", ""), ("", "correct horse"), ("eve", "correct horse")]:
        assert not passwords.are_right(user, password)


def test_a_new_password_takes_the_place_of_the_old_one(file: Path) -> None:
    set_password(file, "anna", "correct horse")
    set_password(file, "anna", "another horse")
    assert [Passwords.read(file).are_right("anna", each) for each in ("correct horse", "another horse")] == [
        False,
        True,
    ]


def test_the_file_is_for_its_owner_and_holds_no_password(file: Path) -> None:
    set_password(file, "anna", "correct horse")
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_text().startswith("anna:$argon2id$v=19$")
    assert "horse" not in file.read_text()


@pytest.mark.parametrize("user", ["", "a:b", " anna", "a\nb", "x" * 65])
def test_names_that_cant_be(file: Path, user: str) -> None:
    with pytest.raises(UsageError, match="can't be a user's name; expected up to 64 letters without a colon"):
        set_password(file, user, "correct horse")


@pytest.mark.parametrize("password", ["", "1234567", "x" * 1025])
def test_passwords_that_cant_be(file: Path, password: str) -> None:
    with pytest.raises(UsageError, match=f"expected a password of 8 to 1024 letters, got {len(password)}"):
        set_password(file, "anna", password)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no user; add one with `vidi ui --set-password USER"),
        (b"anna:secret\n", "line 1 of the password file .* is not USER:HASH"),
        (b"\nanna\n", "line 2 of the password file .* is not USER:HASH"),
        (b"\xff\xfe", "is no text; expected UTF-8"),
    ],
)
def test_files_that_are_no_password_files(file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match=said):
        Passwords.read(file)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_may_read_or_write_is_refused(file: Path, mode: int) -> None:
    set_password(file, "anna", "correct horse")
    file.chmod(mode)
    with pytest.raises(UsageError, match=r"others may read the password file .*expected 600; run `chmod 600"):
        Passwords.read(file)


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(UsageError, match=r"the password file .* can't be read \(No such file"):
        Passwords.read(file)


def test_the_command_writes_it(file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("correct horse\n"))
    assert main(["ui", "--set-password", "anna", str(file)]) == 0
    assert f"anna may sign in now where the page is served with --password-file {file}" in capsys.readouterr().out
    assert Passwords.read(file).are_right("anna", "correct horse")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_it_is_typed_twice(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    typed = iter(["correct horse", "another horse"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(typed))
    assert main(["ui", "--set-password", "anna", str(file)]) == 2
    assert "the two differ" in capsys.readouterr().err
    assert not file.exists()


# ------------------------------------------------------------------------------------------------------------ tokens


def test_a_token_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "token"
    token = token_of(file)
    assert len(token) == 43
    assert token_of(file) == token
    assert file.stat().st_mode & 0o777 == 0o600


def test_tokens_differ_and_are_compared_whole() -> None:
    one, other = new_token(), new_token()
    assert same(one, one)
    assert not same(one, other)
    assert not same(one, one[:-1])
    assert not same("ü", one)


@pytest.mark.parametrize("content", ["", "short", "two words " * 10, "ü" * 40])
def test_what_is_no_token(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content)
    file.chmod(0o600)
    with pytest.raises(UsageError, match="holds no token, expected one word of 32 or more ASCII letters; remove it"):
        token_of(file)
