import sqlite3

db = sqlite3.connect("/work/shop.db")
db.execute("create table if not exists item (id integer primary key, name text, price real)")
db.execute("create index if not exists by_name on item (name)")
start = db.execute("select count(*) from item").fetchone()[0]
with db:
    rows = [(n, f"item {n * 7919 % 1000}", n / 8) for n in range(start, start + 2000)]
    db.executemany("insert into item values (?, ?, ?)", rows)
try:
    with db:
        db.execute("delete from item")
        db.execute("insert into item values (1, 'a', 1), (1, 'b', 2)")
except sqlite3.IntegrityError as error:
    print("rolled back:", error)
query = "select name, count(*), sum(price) from item where name like 'item 9_' group by name order by 3 desc limit 3"
print(start, db.execute("select count(*), sum(price) from item").fetchone())
print(db.execute(query).fetchall())
print(db.execute("pragma integrity_check").fetchall())
db.close()
