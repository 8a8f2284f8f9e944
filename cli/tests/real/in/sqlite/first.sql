pragma journal_mode;
create table city (id integer primary key, name text not null unique, people integer);
create table road (a references city, b references city, km real, check (a < b));
insert into city (name, people) values ('Ost', 1200), ('West', 860), ('Süd', null), ('Nord', 40);
insert into road values (1, 2, 12.5), (2, 3, 7.25), (1, 4, 99);
create index by_length on road (km);
create table number (n integer primary key, text blob);
with recursive count (n) as (select 1 union all select n + 1 from count where n < 5000)
    insert into number select n, hex(n * 7919 % 65536) || 'x' from count;
select name, people, length(name) from city order by people desc;
select a.name, b.name, km from road join city a on a.id = a join city b on b.id = b order by km;
begin;
delete from number where n % 2;
select count(*) from number;
rollback;
select count(*), sum(n), max(text) from number;
