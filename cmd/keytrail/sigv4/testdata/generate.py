"""Writes botocore.json: requests signed by botocore under a frozen clock.

They repeat the peculiarities of the published suite for the services we speak,
and those it lacks (empty region, folded headers as they arrive, presigned).
Run: python3 generate.py > botocore.json   (botocore 1.43.11)
"""
import datetime, hashlib, json, sys
from unittest import mock
import botocore.auth, botocore.compat
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NOW = datetime.datetime(2024, 1, 2, 3, 4, 5)
KEY, SECRET = "AKIDEXAMPLE12345678A", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
FORM = "application/x-www-form-urlencoded; charset=utf-8"

def frozen(*a, **k):
    return NOW

def one(name, method, url, body=b"", headers=(), service="iam", region="us-east-1", token=None, expires=None):
    host, _, rest = url.partition("://")[2].partition("/")
    req = AWSRequest(method=method, url=url, data=body)
    for k, v in headers:
        req.headers[k] = v          # botocore's headers keep repeated ones
    cred = Credentials(KEY, SECRET, token)
    auth = botocore.auth.SigV4QueryAuth(cred, service, region, expires=expires) if expires else botocore.auth.SigV4Auth(cred, service, region)
    with mock.patch.object(botocore.auth, "get_current_datetime", frozen, create=True), \
         mock.patch.object(botocore.compat, "get_current_datetime", frozen, create=True):
        hashes = []
        inner = auth.canonical_request
        def spy(r):
            c = inner(r)
            hashes.append(hashlib.sha256(c.encode()).hexdigest())
            return c
        auth.canonical_request = spy
        auth.add_auth(req)
    target = "/" + req.url.partition("://")[2].partition("/")[2]
    return {"name": name, "method": method, "target": target, "host": host, "body": body.decode(),
            "headers": [[k, v] for k, v in req.headers.items()], "hash": hashes[-1]}

IAM, STS, CT = "https://iam.amazonaws.com", "https://sts.eu-west-1.amazonaws.com", "https://cloudtrail.eu-west-1.amazonaws.com"
WHO = "/?Action=GetCallerIdentity&Version=2011-06-15"
CREATE = b"Action=CreateUser&Version=2010-05-08&UserName=bob"
out = [
    one("create-user", "POST", IAM + "/", CREATE, [("Content-Type", FORM)]),
    one("create-user-token", "POST", IAM + "/", CREATE, [("Content-Type", FORM)], token="TOKEN/+="),
    one("empty-region", "POST", IAM + "/", CREATE, [("Content-Type", FORM)], region=""),
    one("lookup-events", "POST", CT + "/", b'{"MaxResults":5}', [("Content-Type", "application/x-amz-json-1.1"),
        ("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")], "cloudtrail", "eu-west-1", "TOKEN/+="),
    one("folded-header", "GET", IAM + "/", headers=[("My-Header1", "value1 value2 value3")]),
    one("inner-blanks", "GET", IAM + "/", headers=[("My-Header1", "  a   b  c ")]),
    one("repeated-header", "GET", IAM + "/", headers=[("My-Header1", "b"), ("My-Header1", "a"), ("My-Header1", "b")]),
    one("empty-header", "GET", IAM + "/", headers=[("My-Header1", "")]),
    one("port", "GET", "http://localhost:8080/"),
    one("default-path", "GET", IAM + WHO),
    one("encoded-path", "GET", IAM + "/a%20b/%E1%88%B4/%2F/c"),
    one("dots", "GET", IAM + "/a/./b/../c//d/"),
    one("dots-at-end", "GET", IAM + "/a/b/.."),
    one("dots-above-root", "GET", IAM + "/../../a"),
    one("encoded-dots", "GET", IAM + "/a/%2e%2e/b"),
    one("query-order", "GET", IAM + "/?b=2&a=2&a=1&B=3&a-b=4&a%20b=5"),
    one("query-empty-value", "GET", IAM + "/?a=&b="),
    one("query-encoded", "GET", IAM + "/?a=%2F%3D%26%2B%20%E1%88%B4&%21=x"),
    one("binary-body", "POST", IAM + "/", "ሴ=\u0000&=&&".encode(), [("Content-Type", FORM)]),
    one("presigned-who", "GET", STS + WHO, service="sts", region="eu-west-1", expires=60),
    one("presigned-who-token", "GET", STS + WHO, service="sts", region="eu-west-1", token="TOKEN/+= x", expires=900),
    one("presigned-kubernetes", "GET", STS + WHO, headers=[("x-k8s-aws-id", "my-cluster")], service="sts", region="eu-west-1", expires=60),
    one("presigned-week", "GET", IAM + "/?Action=GetUser&Version=2010-05-08&UserName=a%20b%2Fc", expires=604800),
]
json.dump(out, sys.stdout, indent=1)
print()
