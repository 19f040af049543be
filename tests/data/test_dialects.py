"""Text in any encoding and layout gives the table its author meant, and says what was inferred."""

import gzip

import pytest

from estimand.core.finding import Grade
from estimand.data.source import read_table
from estimand.data.text import sniff
from estimand.errors import Code, DataError

FRENCH = "traité,région,prix\n1,Élysée,1.5\n0,Besançon,2.5\n1,Nîmes,3.5\n"
GERMAN = "behandelt;straße;größe\n1;Königsallee;1,75\n0;Münchner Straße;1,80\n1;Zürichweg;\n"
APOSTROPHES = "treated,note\n1,customer’s\n0,don’t\n1,we’re\n0,it’s\n"
SHOUTED = "treated,acao\n1,AÇÃO\n0,NÃO\n1,EDUCAÇÃO\n"
JAPANESE = "処置,地域,売上\n1,東京,10\n0,大阪,20\n1,なごや,30\n0,カナダA社,40\n"
PLAIN = "treated,sales\n0,1.5\n1,2.5\n"


def read(folder, text, name="t.csv"):
    path = folder / name
    path.write_bytes(text)
    return read_table(path)


def columns(source):
    return {name: source.frame.get_column(name).to_list() for name in source.frame.columns}


@pytest.mark.parametrize(
    ("text", "encoding", "said"),
    [
        (FRENCH, "utf-8", None),
        (FRENCH, "utf-8-sig", None),
        (FRENCH, "utf-16", "UTF-16"),
        (FRENCH, "cp1252", "Windows-1252 (Latin-1)"),
        (FRENCH, "latin-1", "Windows-1252 (Latin-1)"),
        (APOSTROPHES, "cp1252", "Windows-1252 (Latin-1)"),
        (SHOUTED, "latin-1", "Windows-1252 (Latin-1)"),
        (JAPANESE, "utf-8", None),
        (JAPANESE, "cp932", "Shift-JIS"),
        (JAPANESE, "utf-16", "UTF-16"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_the_encoding_is_found_and_said(text, encoding, said, packed, tmp_path):
    content = text.encode(encoding)
    source = read(tmp_path, gzip.compress(content, mtime=0), "t.csv.gz") if packed else read(tmp_path, content)
    assert columns(source) == columns(read(tmp_path, text.encode(), "utf8.csv"))
    if said is None:
        assert source.findings == ()
    else:
        (finding,) = source.findings
        assert (finding.check, finding.about, finding.grade) == ("sample.read", "study", Grade.NOTE)
        assert f"was read as {said} text;" in finding.message
        assert finding.remedy


def test_a_big_endian_mark_is_understood(tmp_path):
    source = read(tmp_path, b"\xfe\xff" + FRENCH.encode("utf-16-be"))
    assert columns(source)["région"] == ["Élysée", "Besançon", "Nîmes"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_semicolons_with_decimal_commas_are_numbers(encoding, tmp_path):
    source = read(tmp_path, GERMAN.encode(encoding))
    assert columns(source)["größe"] == [1.75, 1.80, None]
    assert "with semicolons between columns, with decimal commas" in source.findings[0].message


@pytest.mark.parametrize(
    ("text", "name", "delimiter", "decimal", "said"),
    [
        (PLAIN, "t.csv", ",", ".", False),
        (PLAIN, "t.txt", ",", ".", False),
        (PLAIN, "t.tsv", ",", ".", True),
        (PLAIN.replace(",", "\t"), "t.tsv", "\t", ".", False),
        (PLAIN.replace(",", "\t"), "t.csv", "\t", ".", True),
        (PLAIN.replace(",", "|"), "t.txt", "|", ".", True),
        (PLAIN.replace(",", ";"), "t.csv", ";", ".", True),
        ("a\tb\n1,5\t2\n", "t.tsv", "\t", ",", True),
        ("a;b\n1,5;2.5\n", "t.csv", ";", ".", True),
        ('a,b\n"1;2","x;y"\n"3;4","z;w"\n', "t.csv", ",", ".", False),
        ('"a,b";c\n"x,y";1\n', "t.csv", ";", ".", True),
        ("one\n1\n2\n", "t.csv", ",", ".", False),
        ('a;b\n"1;5";2\n"line\nbreak";3\n', "t.csv", ";", ".", True),
    ],
)
def test_the_delimiter_is_the_one_by_which_rows_agree(text, name, delimiter, decimal, said, tmp_path):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    found = sniff(path, "\t" if name.endswith("tsv") else ",")
    assert (found.encoding, found.delimiter, found.decimal) == ("utf-8", delimiter, decimal)
    assert bool(read_table(path).findings) == said


def test_an_accent_far_beyond_the_head_is_still_found(tmp_path):
    rows = b"0,1.5,plain\n" * 100_000
    source = read(tmp_path, b"treated,sales,note\n" + rows + "1,2.5,café\n".encode("latin-1"))
    assert source.frame.get_column("note").to_list()[-1] == "café"
    assert source.findings


def test_a_character_cut_off_by_the_end_does_not_change_the_encoding(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes("région,a\nÉ,1\n".encode() + b"Besan\xc3")
    assert sniff(path, ",").encoding == "utf-8"
    with pytest.raises(DataError) as caught:
        read_table(path)
    assert caught.value.code is Code.UNREADABLE_FILE
