pragma integrity_check;
select count(*), sum(length(text)) from number;
update number set text = zeroblob(100) where n % 10 = 0;
delete from number where n % 3 = 0;
select count(*), total(length(text)), group_concat(n) from number where n < 40;
select name, row_number() over (order by name) from city;
vacuum;
pragma integrity_check;
pragma page_count;
