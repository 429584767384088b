"""Makes access-analyzer.json here, in the form that compact.py gives the others.

Run: python3 rest.py MODEL, MODEL being botocore 1.43.11's service-2.json of
accessanalyzer, unpacked. Of operations that are not served it keeps method and
path, so that they can be refused by name.
"""
import json, os, sys

here = os.path.dirname(os.path.abspath(__file__))
served = ["ValidatePolicy", "CheckNoNewAccess", "CheckAccessNotGranted", "CheckNoPublicAccess"]
model = json.load(open(sys.argv[1]))
shapes = model["shapes"]
out = {"version": model["metadata"]["apiVersion"], "ns": "", "target": "", "ops": {}, "types": {}, "errors": {}}

def members(s):
    required = s.get("required", [])
    return [f"{n}:{m['shape']}{'!' if n in required else ''}" for n, m in s.get("members", {}).items() if m.get("location") != "header"]

def add(name):
    if name in out["types"]: return
    s = shapes[name]
    x = out["types"][name] = {"t": s["type"]}
    if s["type"] == "structure":
        x["m"] = members(s)
        for m in s["members"].values(): add(m["shape"])
    if s["type"] == "list":
        x["of"] = s["member"]["shape"]
        add(x["of"])
    for k in ("min", "max", "pattern", "enum", "sensitive"):
        if k in s and not (k == "min" and s[k] == 0): x[k] = s[k]

for name, op in sorted(model["operations"].items()):
    o = out["ops"][name] = {"http": op["http"]["method"] + " " + op["http"]["requestUri"]}
    if name not in served: continue
    given, answered = shapes[op["input"]["shape"]], shapes[op["output"]["shape"]]
    o["in"], o["out"] = members(given), members(answered)
    query = [n for n, m in given["members"].items() if m.get("location") == "querystring"]
    if query: o["query"] = query
    o["errors"] = [e["shape"] for e in op["errors"]]
    for s in (given, answered):
        for m in s["members"].values(): add(m["shape"])
    for e in o["errors"]: out["errors"][e] = {"code": e, "http": shapes[e]["error"]["httpStatusCode"]}
text = json.dumps(out, separators=(",", ":"))
text = text.replace('"ops":{', '"ops":{\n').replace('},"', '},\n"')
open(os.path.join(here, "access-analyzer.json"), "w").write(text + "\n")
