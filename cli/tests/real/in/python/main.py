import hashlib, json, os, re, sys
from collections import Counter

import words

text = sys.stdin.read()
counts = Counter(re.findall(r"[a-z]+", text.lower()))
print(json.dumps(counts.most_common(5)))
print(hashlib.sha256(text.encode()).hexdigest())
print(words.longest(counts), sys.argv[1:], os.environ.get("HOME"))
print(sorted(os.listdir("/work")), 2**200 % 1000007, f"{1 / 3:.17g}")
with open("/work/report.txt", "w") as report:
    for word, count in sorted(counts.items()):
        report.write(f"{count:3} {word}\n")
try:
    open("/work/no/such/file")
except OSError as error:
    print(type(error).__name__, error.errno)
try:
    open("/elsewhere", "w")
except OSError as error:
    print(type(error).__name__)
sys.exit(3)
