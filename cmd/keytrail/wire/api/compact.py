"""Makes iam.json, sts.json, cloudtrail.json and organizations.json here from the
fact sheets.

Run: python3 compact.py DIR, DIR holding the sheets of the same names (taken from
botocore 1.43.11's service models). Members stay in the models' order, which is
the order of the answers' elements: "Name:type", with ! for a required one.
"""
import json, os, sys

here = os.path.dirname(os.path.abspath(__file__))

def members(m):
    return [f"{name}:{of}" for name, of in m.items()]

for service in ("iam", "sts", "cloudtrail", "organizations"):
    sheet = json.load(open(os.path.join(sys.argv[1], service + ".json")))
    meta = sheet["meta"]
    out = {"version": meta["apiVersion"], "ns": meta.get("xmlNamespace", ""), "target": meta.get("targetPrefix", ""), "ops": {}, "types": {}, "errors": {}}
    for name, op in sheet["operations"].items():
        o = {}
        if "in" in op: o["in"] = members(op["in"])
        if "out" in op: o["out"] = members(op["out"])
        if op.get("unsigned"): o["unsigned"] = True
        o["errors"] = op["errors"]
        out["ops"][name] = o
    for name, t in sheet["types"].items():
        x = {"t": t["t"]}
        if "m" in t: x["m"] = members(t["m"])
        for k in ("of", "key", "value", "min", "max", "pattern", "enum", "sensitive"):
            if k in t: x[k] = t[k]
        out["types"][name] = x
    for name, e in sheet["errors"].items():
        out["errors"][name] = {"code": e["code"], **({"http": e["http"]} if "http" in e else {})}
    text = json.dumps(out, separators=(",", ":"), ensure_ascii=False)
    text = text.replace('"ops":{', '"ops":{\n').replace('},"', '},\n"')  # one thing a line, for the reviewer
    open(os.path.join(here, service + ".json"), "w").write(text + "\n")
