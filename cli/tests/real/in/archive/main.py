import hashlib, os, shutil, tarfile

def digest(folder):
    total = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            file = os.path.join(path, name)
            total.update(os.path.relpath(file, folder).encode())
            total.update(open(file, "rb").read())
    return total.hexdigest()

seed = 1
for folder in ["a", "a/b", "a/b/c", "d"]:
    os.makedirs(f"/work/tree/{folder}", exist_ok=True)
    for name in range(5):
        data = bytearray()
        while len(data) < 3000 * name:
            seed = seed * 1103515245 + 12345 & 0x7FFFFFFF
            data += f"{seed >> 24} line\n".encode()
        open(f"/work/tree/{folder}/{name}", "wb").write(data)
before = digest("/work/tree")

def plain(member):
    member.mtime = member.uid = member.gid = 0
    member.mode = 0o755 if member.isdir() else 0o644
    return member

for kind in ["gz", "bz2"]:
    packed = f"/work/tree.tar.{kind}"
    with tarfile.open(packed, f"w:{kind}") as tar:
        for name in sorted(os.listdir("/work/tree")):
            tar.add(f"/work/tree/{name}", name, filter=plain)
    with tarfile.open(packed) as tar:
        tar.extractall("/work/unpacked")
    print(kind, digest("/work/unpacked") == before, before)
    if kind == "gz":
        # It holds the time.
        os.remove(packed)
    shutil.rmtree("/work/unpacked")
shutil.rmtree("/work/tree")
