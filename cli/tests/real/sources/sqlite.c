/* Runs the SQL on standard input in the database file that the argument names, and prints the
   rows of its queries. */
#include "sqlite3.h"
#include <stdio.h>

static int print(void *unused, int count, char **values, char **names) {
    (void)unused;
    (void)names;
    for (int i = 0; i < count; i++)
        printf("%s%s", i ? "|" : "", values[i] ? values[i] : "NULL");
    putchar('\n');
    return 0;
}

int main(int argc, char **argv) {
    static char sql[1 << 20];
    sql[fread(sql, 1, sizeof sql - 1, stdin)] = 0;
    sqlite3 *db;
    char *error = NULL;
    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK
        || sqlite3_exec(db, sql, print, NULL, &error) != SQLITE_OK) {
        fprintf(stderr, "error: %s\n", error ? error : "cannot open the database");
        return 1;
    }
    return sqlite3_close(db);
}
