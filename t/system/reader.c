
/*
 * What a start makes of a store, without nginx and so sooner.  For each line
 * on stdin there is one on stdout:
 *
 *     load DIR     ok RECORDS JOURNAL, how many there are; or what is wrong
 *     post BODY    what came of a callback
 *     list         all that is listed, as nginx answers it
 */

#define _GNU_SOURCE

#include "zego_rooms.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define MAP_SIZE  (8 << 20)
#define HORIZON   300000


static char           arena[64 << 20];    /* of one zone */
static size_t         used;
static zego_env_t     env;
static zego_rooms_t  *rooms;
static zego_memory_t  heap;


static void *
arena_alloc(void *ctx, size_t size)
{
    void  *p;

    (void) ctx;

    size = (size + 15) & ~(size_t) 15;

    if (sizeof(arena) - used < size) {
        return NULL;
    }

    p = arena + used;
    used += size;

    return p;
}


static void
arena_free(void *ctx, void *p)
{
    (void) ctx;
    (void) p;
}


static void *
heap_alloc(void *ctx, size_t size)
{
    (void) ctx;

    return malloc(size);
}


static void
heap_free(void *ctx, void *p)
{
    (void) ctx;

    free(p);
}


static const char *
load_all(zego_store_t *store, zego_reader_t *reader)
{
    zego_str_t    record;
    zego_store_e  rc;

    do {
        rc = zego_store_read(store, reader);

        if (rc != ZEGO_STORE_OK && rc != ZEGO_STORE_MORE) {
            return zego_store_message(store);
        }

        for ( ;; ) {
            record = zego_reader_next(reader);

            if (record.len == 0) {
                break;
            }

            if (zego_rooms_load(rooms, &env, record.data, record.len)
                < ZEGO_APPLIED)
            {
                return "a record was not taken";
            }
        }

    } while (rc == ZEGO_STORE_MORE);

    return NULL;
}


static void
load(const char *dir)
{
    const char         *wrong;
    zego_store_t       *store;
    zego_reader_t      *reader;
    zego_store_stat_t   stat;

    used = 0;
    rooms = zego_rooms_create(&env, 1, 1, 0);

    store = zego_store_create(&heap, dir, MAP_SIZE);
    reader = zego_reader_create(&heap);

    wrong = load_all(store, reader);

    if (wrong == NULL && zego_store_check(store) != ZEGO_STORE_OK) {
        wrong = zego_store_message(store);
    }

    if (wrong == NULL && zego_store_stat(store, &stat) != ZEGO_STORE_OK) {
        wrong = zego_store_message(store);
    }

    if (wrong == NULL) {
        wrong = zego_rooms_check(rooms);
    }

    if (wrong) {
        printf("%s\n", wrong);

    } else {
        printf("ok %llu %llu\n", (unsigned long long) stat.records,
               (unsigned long long) stat.journal);
    }

    zego_reader_destroy(reader);
    zego_store_destroy(store);
}


static void
post(zego_parser_t *parser, const char *body)
{
    zego_str_t    name;
    zego_event_t  event;

    zego_parser_begin(parser);
    zego_parser_feed(parser, body, strlen(body));

    if (zego_parser_finish(parser, &event) != ZEGO_OK
        || event.reason != ZEGO_OK)
    {
        printf("rejected\n");
        return;
    }

    name = zego_verdict_name(zego_rooms_apply(rooms, &env, &event, NULL,
                                              NULL));

    printf("%.*s\n", (int) name.len, name.data);
}


static void
list(void)
{
    int           invalid;
    zego_str_t    piece;
    zego_view_e   rc;
    zego_view_t  *view;
    zego_query_t  query;

    memset(&query, 0, sizeof(query));
    query.kind = ZEGO_VIEW_ROOMS;
    query.limit = 1000;

    view = zego_view_create(&heap, &query, &invalid);

    do {
        rc = zego_view_read(view, rooms);
        piece = zego_view_write(view);
        (void) fwrite(piece.data, 1, piece.len, stdout);

    } while (rc == ZEGO_VIEW_MORE);

    printf("\n");

    zego_view_destroy(view);
}


int
main(void)
{
    char           *line;
    size_t          size;
    ssize_t         n;
    zego_parser_t  *parser;

    heap.alloc = heap_alloc;
    heap.free = heap_free;
    env.memory.alloc = arena_alloc;
    env.memory.free = arena_free;
    env.now = 1;
    env.horizon = HORIZON;

    parser = zego_parser_create(&heap, NULL);
    line = NULL;
    size = 0;

    for ( ;; ) {
        n = getline(&line, &size, stdin);

        if (n <= 0) {
            break;
        }

        line[n - 1] = '\0';

        if (strncmp(line, "load ", 5) == 0) {
            load(line + 5);

        } else if (strncmp(line, "post ", 5) == 0) {
            post(parser, line + 5);

        } else {
            list();
        }

        (void) fflush(stdout);
    }

    free(line);
    zego_parser_destroy(parser);

    return 0;
}
