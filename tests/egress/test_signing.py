"""Programs for AWS work with keys that open nothing: the gateway signs their requests anew."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import os
import urllib.request
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from egress_parts import SESSION, Authority, NameServer
from keyed_parts import Keyed
from moto_parts import (
    BUCKET,
    DYNAMO,
    FAKE,
    REGION,
    S3,
    Aws,
    ClientError,
    TransferConfig,
    aws,
    client,
    signature_of,
    way_out,
)
from nbkeep.egress.authority import BUNDLE_NAME
from nbkeep.egress.aws_keys import AwsKeys
from nbkeep.egress.refusals import Refusal
from nbkeep.egress.signing import Scope, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path


@pytest.fixture(scope="module")
def cloud(authority: Authority) -> Generator[Aws]:
    with aws(authority) as found:
        yield found


@pytest.fixture
def keyed(tmp_path: Path, authority: Authority, cloud: Aws) -> Generator[Keyed]:
    loopback = [["127.0.0.1"]]
    names = NameServer(
        dynamodb_eu__central__1_amazonaws_com=loopback,
        s3_eu__central__1_amazonaws_com=loopback,
        lake_s3_eu__central__1_amazonaws_com=loopback,
    )
    found = Keyed(tmp_path, names, roots=authority.file)
    found.reach(f"{S3}:{cloud.port} {DYNAMO}:{cloud.port} *.{S3}:{cloud.port} 127.0.0.1:{cloud.port}")
    lease = found.add(
        f"{S3}:{cloud.port}", kind="sigv4", place=REGION, template="s3", value=cloud.value, name="lake"
    )
    wild = found.add(
        f"*.{S3}:{cloud.port}", kind="sigv4", place=REGION, template="s3", value=cloud.value, name="lake"
    )
    assert lease.lease_id != wild.lease_id
    found.add(
        f"{DYNAMO}:{cloud.port}",
        kind="sigv4",
        place=REGION,
        template="dynamodb",
        value=cloud.value,
        name="table",
    )
    found.trust()
    yield found
    found.end()


@pytest.fixture
def s3(keyed: Keyed, cloud: Aws) -> Generator[Callable[..., Any]]:
    """Return a client as code in a session makes it: a fake key, and whatever else it wants."""
    bundle = str(keyed.path(SESSION).parent / BUNDLE_NAME)
    with way_out(keyed) as proxies:

        def make(**config: Any) -> Any:
            settings = {"s3": {"addressing_style": "path"}, "proxies": proxies} | config
            return client("s3", f"https://{S3}:{cloud.port}", FAKE, FAKE, bundle, **settings)

        yield make


def test_without_the_gateway_a_fake_key_opens_nothing(cloud: Aws, authority: Authority) -> None:
    """So that what follows is the gateway's doing."""
    own = client("s3", cloud.url, FAKE, FAKE, str(authority.file))
    with pytest.raises(ClientError, match="InvalidAccessKeyId"):
        own.list_objects_v2(Bucket=BUCKET)
    wrong = client("s3", cloud.url, cloud.access_key_id, "wrong-secret", str(authority.file))
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        wrong.list_objects_v2(Bucket=BUCKET)


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_objects_are_written_read_and_listed(s3: Callable[..., Any], style: str, keyed: Keyed) -> None:
    """Also with names that have to be encoded, and on the host of a bucket."""
    here = s3(s3={"addressing_style": style})
    for key in ("plain.txt", "a folder/über+1 %2F=&~.csv", "x//y/../z*(1)'!"):
        body = os.urandom(20_000)
        here.put_object(
            Bucket=BUCKET, Key=key, Body=body, Metadata={"note": "two  blanks"}, ContentType="text/x"
        )
        assert here.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body
        assert here.get_object(Bucket=BUCKET, Key=key, Range="bytes=5-9")["Body"].read() == body[5:10]
        assert here.head_object(Bucket=BUCKET, Key=key)["Metadata"] == {"note": "two  blanks"}
        listed = here.list_objects_v2(Bucket=BUCKET, Prefix=key, Delimiter="|", MaxKeys=5)
        assert [one["Key"] for one in listed["Contents"]] == [key]
    assert all(one.reason.endswith("with the secret lake") for one in keyed.records(3))


@pytest.mark.parametrize("style", ["path", "virtual"])
def test_large_objects_go_in_parts_and_bodies_as_they_come(s3: Callable[..., Any], style: str) -> None:
    """A body whose length and check sum are known only at its end is one that AWS's programs send in pieces."""
    here = s3(s3={"addressing_style": style})
    parts = TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20, max_concurrency=3)
    body = os.urandom((11 << 20) + 7)
    here.upload_fileobj(io.BytesIO(body), BUCKET, "big", Config=parts)
    back = io.BytesIO()
    here.download_fileobj(BUCKET, "big", back, Config=parts)
    assert back.getvalue() == body
    here.put_object(Bucket=BUCKET, Key="summed", Body=io.BytesIO(body), ChecksumAlgorithm="CRC32")
    assert here.get_object(Bucket=BUCKET, Key="summed")["Body"].read() == body
    here.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "summed"})
    here.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "big"}, {"Key": "summed"}]})
    left = {one["Key"] for one in here.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert "copy" in left
    assert "big" not in left


def test_a_body_that_the_program_vouches_for_is_checked_by_the_server(s3: Callable[..., Any]) -> None:
    here = s3(s3={"addressing_style": "path", "payload_signing_enabled": True})
    here.put_object(Bucket=BUCKET, Key="hashed", Body=b"exactly this")
    assert here.get_object(Bucket=BUCKET, Key="hashed")["Body"].read() == b"exactly this"


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_addresses_signed_beforehand_with_a_fake_key_work(
    s3: Callable[..., Any], keyed: Keyed, version: str
) -> None:
    s3().put_object(Bucket=BUCKET, Key="given away", Body=b"here you are")
    here = s3(signature_version=version)
    url = here.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "given away"})
    assert FAKE in url
    with way_out(keyed) as proxies:
        through = urllib.request.build_opener(
            urllib.request.ProxyHandler(proxies), urllib.request.HTTPSHandler(context=keyed.trust())
        )
        assert through.open(url, timeout=30).read() == b"here you are"
        put = here.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": "put"})
        kind = {"Content-Type": "text/plain"}
        asked = urllib.request.Request(put, b"by address", kind, method="PUT")  # noqa: S310  it is https
        through.open(asked, timeout=30)
    assert here.get_object(Bucket=BUCKET, Key="put")["Body"].read() == b"by address"


def test_what_lies_there_compressed_comes_back_as_it_is(s3: Callable[..., Any]) -> None:
    s3().put_object(Bucket=BUCKET, Key="x.gz", Body=b"\x1f\x8b-not-really", ContentEncoding="gzip")
    found = s3().get_object(Bucket=BUCKET, Key="x.gz")
    assert (found["ContentEncoding"], found["Body"].read()) == ("gzip", b"\x1f\x8b-not-really")


def test_an_answer_of_the_server_about_rights_arrives_as_it_is(s3: Callable[..., Any]) -> None:
    with pytest.raises(ClientError, match="NoSuchBucket"):
        s3().list_objects_v2(Bucket="not-there")


def test_with_keys_that_the_server_does_not_know_its_own_refusal_arrives(
    s3: Callable[..., Any], keyed: Keyed
) -> None:
    keyed.office.values = dict.fromkeys(keyed.office.values, (1, "AKIA0000000000000000:no-such-secret"))
    with pytest.raises(ClientError, match="InvalidAccessKeyId") as refusal:
        s3().list_objects_v2(Bucket=BUCKET)
    assert "AKIA0000000000000000" not in str(refusal.value.response)


def test_other_services_are_signed_with_their_whole_body(keyed: Keyed, cloud: Aws) -> None:
    """Their signature is over the body, which programs send along without saying what it is."""
    bundle = str(keyed.path(SESSION).parent / BUNDLE_NAME)
    with way_out(keyed) as proxies:
        tables = client("dynamodb", f"https://{DYNAMO}:{cloud.port}", FAKE, FAKE, bundle, proxies=proxies)
        tables.create_table(
            TableName="people",
            KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        tables.put_item(TableName="people", Item={"name": {"S": "jane"}, "notes": {"S": "x" * 300_000}})
        found = tables.get_item(TableName="people", Key={"name": {"S": "jane"}})
    assert len(found["Item"]["notes"]["S"]) == 300_000


def test_a_body_that_is_too_large_to_be_signed_is_refused(keyed: Keyed, cloud: Aws) -> None:
    status, _, said = keyed.ask_tls(cloud.port, "/", method="POST", body=b"x" * (9 << 20), host=DYNAMO)
    assert (status, b"more than 8 MiB" in said) == (413, True)


_ASCII = st.from_regex(r"[ -~]{0,12}", fullmatch=True)
_TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=12)


@given(
    path=st.lists(_TEXT, max_size=4),
    query=st.lists(st.tuples(_TEXT, _TEXT), max_size=4),
    # In ASCII, as S3 takes them: botocore takes other blanks than those for blanks, too.
    meta=st.dictionaries(st.from_regex(r"[a-z0-9-]{1,8}", fullmatch=True), _ASCII, max_size=3),
    scope=st.sampled_from([Scope("eu-central-1", "s3"), Scope("us-east-1", "execute-api")]),
    token=st.sampled_from(["", "a/session+token=="]),
)
def test_signatures_are_those_of_another_implementation(
    path: list[str], query: list[tuple[str, str]], meta: dict[str, str], scope: Scope, token: str
) -> None:
    """Of what is sent: botocore signs the same message in the same words."""
    keys = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", token)
    target = "/" + "/".join(quote(one, safe="") for one in path)
    if query:
        target += "?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    headers = [(f"x-amz-meta-{name}".encode(), value.strip().encode()) for name, value in meta.items()]
    now = dt.datetime(2026, 11, 21, 12, tzinfo=dt.UTC)
    sent, made = sign(b"PUT", b"h.example:8443", target.encode(), headers, keys, scope, now)
    assert signature_of("PUT", "h.example:8443", sent, made, keys, scope) == dict(made)[b"Authorization"]


@example(b"a:/b", [])  # which AWS's library takes for the beginning of an address
@given(
    st.binary(max_size=60),
    st.lists(st.tuples(st.binary(min_size=1, max_size=20), st.binary(max_size=40)), max_size=4),
)
def test_whatever_a_program_sends_is_signed_or_refused(
    target: bytes, headers: list[tuple[bytes, bytes]]
) -> None:
    keys = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG")
    for scope in (Scope("eu-central-1", "s3"), Scope("us-east-1", "execute-api")):
        with contextlib.suppress(Refusal):
            sign(b"GET", b"h.example", b"/" + target, [*headers, (b"x-amz-meta-" + target[:4], target)], keys, scope,
                 dt.datetime(2026, 11, 21, tzinfo=dt.UTC))  # fmt: skip
