import pytest

from bevfusion.encryption import KEY_VARIABLE, MAGIC, WrongKeyError, decrypt, encrypt, read_key

DATA = bytes(range(256)) * 4


@pytest.mark.parametrize("length", [0, 1, 99, 100, 101, 1000])
def test_sealed_data_come_back_whatever_the_number_of_segments(length):
    sealed = encrypt(DATA[:length], "secret", segment_bytes=100)
    assert decrypt(sealed, "secret", segment_bytes=100) == DATA[:length]
    assert len(sealed) == length + 31 + 16 * max(1, -(-length // 100))


def test_sealed_data_show_nothing_and_never_look_the_same_twice():
    first, second = encrypt(DATA, "secret"), encrypt(DATA, "secret")
    assert first[:8] == second[:8] == MAGIC
    assert DATA[:16] not in first
    assert first[8:24] != second[8:24]
    assert first[31:] != second[31:]


def test_another_key_opens_nothing():
    with pytest.raises(WrongKeyError, match="does not open the file"):
        decrypt(encrypt(DATA, "secret"), "Secret")


@pytest.mark.parametrize(
    "change",
    [
        lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]),
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[: 31 + 116],  # a whole number of segments, but not all
        lambda sealed: sealed[:31] + sealed[31 + 116 :],
        lambda sealed: sealed[:31] + sealed[31 + 116 : 31 + 232] + sealed[31 : 31 + 116] + sealed[31 + 232 :],
        lambda sealed: sealed + sealed[31 : 31 + 116],
        lambda sealed: sealed[:31],
        lambda sealed: sealed[:9],
    ],
)
def test_a_file_that_was_changed_cut_or_reordered_is_refused(change):
    sealed = encrypt(DATA[:300], "secret", segment_bytes=100)
    with pytest.raises(WrongKeyError):
        decrypt(change(sealed), "secret", segment_bytes=100)


def test_the_key_comes_from_the_environment_and_an_empty_one_is_none():
    assert read_key({KEY_VARIABLE: "secret"}) == "secret"
    assert read_key({KEY_VARIABLE: ""}) is None
    assert read_key({}) is None
