
#include "unit.h"


struct unit_block_s {
    unit_block_t         *next;
    unit_block_t        **prev;
    size_t                size;
    size_t                pad;             /* keeps what follows aligned */
};


static void *unit_alloc(void *ctx, size_t size);
static void unit_free(void *ctx, void *p);


int
unit_main(const char *name, const TTest *const *tests)
{
    int       failed;
    TCase    *tcase;
    Suite    *suite;
    SRunner  *runner;

    suite = suite_create(name);
    tcase = tcase_create(name);
    tcase_set_timeout(tcase, 0);
    suite_add_tcase(suite, tcase);

    for ( /* void */ ; *tests; tests++) {
        tcase_add_test(tcase, *tests);
    }

    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);

    return failed != 0;
}


void
unit_heap_init(unit_heap_t *heap)
{
    memset(heap, 0, sizeof(unit_heap_t));

    heap->memory.alloc = unit_alloc;
    heap->memory.free = unit_free;
    heap->memory.ctx = heap;
    heap->budget = SIZE_MAX;
}


void
unit_heap_done(unit_heap_t *heap)
{
    while (heap->all) {
        unit_free(heap, heap->all + 1);
    }
}


static void *
unit_alloc(void *ctx, size_t size)
{
    unit_heap_t   *heap = ctx;
    unit_block_t  *block;

    heap->allocs++;

    if ((heap->fail && heap->allocs >= heap->fail)
        || size > heap->budget - heap->bytes)
    {
        return NULL;
    }

    block = malloc(sizeof(unit_block_t) + size);

    /* nobody may count on zeros */
    memset(block + 1, 0xa5, size);

    block->size = size;
    block->prev = &heap->all;
    block->next = heap->all;

    if (block->next) {
        block->next->prev = &block->next;
    }

    heap->all = block;
    heap->blocks++;
    heap->bytes += size;

    return block + 1;
}


static void
unit_free(void *ctx, void *p)
{
    unit_heap_t   *heap = ctx;
    unit_block_t  *block = (unit_block_t *) p - 1;

    heap->frees++;
    heap->blocks--;
    heap->bytes -= block->size;

    *block->prev = block->next;

    if (block->next) {
        block->next->prev = block->prev;
    }

    free(block);
}


void
unit_zone_init(unit_zone_t *zone)
{
    unit_heap_init(&zone->heap);

    zone->env.memory = zone->heap.memory;
    zone->env.now = 1;
    zone->env.horizon = UNIT_HORIZON;
    zone->version.epoch = 0;
    zone->version.revision = 0;

    zone->rooms = zego_rooms_create(&zone->env, 1, 1, 0);
    zego_rooms_ring(zone->rooms, &zone->env, 64 * 1024);
    ck_assert_ptr_nonnull(zone->rooms);
}


void
unit_zone_done(unit_zone_t *zone)
{
    unit_check(zone->rooms);
    unit_heap_done(&zone->heap);
}


zego_verdict_e
unit_apply(unit_zone_t *zone, const zego_event_t *event)
{
    zego_verdict_e  verdict;
    zego_applied_t  applied;

    verdict = zego_rooms_apply(zone->rooms, &zone->env, event, &applied, NULL);

    zone->version = applied.version;
    zone->late = applied.late;

    return verdict;
}


void
unit_apply_all(unit_zone_t *zone, const zego_event_t *events, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        ck_assert_int_ne(unit_apply(zone, &events[i]), ZEGO_DEFERRED);
    }
}


void
unit_expire(unit_zone_t *zone)
{
    while (zego_rooms_expire(zone->rooms, &zone->env, 1000)) {
        /* void */
    }
}


zego_copy_e
unit_copy(unit_zone_t *zone, const unit_zone_t *from)
{
    unit_heap_t   heap;
    zego_copy_e   rc;
    zego_copy_t  *copy;

    unit_heap_init(&heap);
    copy = zego_copy_create(&heap.memory);

    do {
        rc = zego_copy_step(copy, zone->rooms, &zone->env, from->rooms);
    } while (rc == ZEGO_COPY_MORE);

    zego_copy_destroy(copy);
    ck_assert_uint_eq(heap.blocks, 0);

    return rc;
}


void
unit_merge(unit_zone_t *zone, const unit_zone_t *from)
{
    ck_assert_int_eq(unit_copy(zone, from), ZEGO_COPY_DONE);
}


uint64_t
unit_tombstones(const unit_zone_t *zone)
{
    zego_stats_t  stats;

    zego_rooms_stats(zone->rooms, &stats);

    return stats.tombstones;
}


void
unit_expect(const unit_zone_t *zone, const zego_event_t *events, size_t n)
{
    char  *text, *model;

    unit_check(zone->rooms);

    text = unit_cut(unit_text(zone->rooms));
    model = unit_cut(model_text(events, n));

    ck_assert_str_eq(text, model);

    free(text);
    free(model);
}


void
unit_check(const zego_rooms_t *rooms)
{
    const char  *what;

    what = zego_rooms_check(rooms);

    if (what) {
        ck_abort_msg("%s", what);
    }
}


char *
unit_cut(char *text)
{
    char  *line, *next, *out, *missing;

    out = text;

    for (line = text; *line; line = next) {
        next = strchr(line, '\n') + 1;
        missing = strstr(line, " ~ ");

        if (missing == NULL || missing > next) {
            memmove(out, line, next - line);
            out += next - line;
        }
    }

    *out = '\0';

    return text;
}


void
unit_random_init(unit_random_t *random)
{
    char  *seed;

    seed = getenv("ZEGO_SEED");
    random->state = seed ? strtoull(seed, NULL, 0) : 20261122;

    printf("ZEGO_SEED=%llu\n", (unsigned long long) random->state);
}


uint64_t
unit_random(unit_random_t *random, uint64_t n)
{
    uint64_t  z;

    /* splitmix64 */

    z = random->state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;

    return (z ^ (z >> 31)) % n;
}


void
unit_shuffle(unit_random_t *random, void *base, size_t n, size_t size)
{
    char    *a, *b, c;
    size_t   i;

    for ( /* void */ ; n > 1; n--) {
        a = (char *) base + (n - 1) * size;
        b = (char *) base + unit_random(random, n) * size;

        for (i = 0; i < size; i++) {
            c = a[i];
            a[i] = b[i];
            b[i] = c;
        }
    }
}


size_t
unit_sample(void)
{
    char           *env;
    static size_t   sample;

    if (sample == 0) {
        env = getenv("ZEGO_SAMPLE");
        sample = env ? strtoull(env, NULL, 0) : 1;

        ck_assert_uint_ne(sample, 0);

        if (sample != 1) {
            printf("ZEGO_SAMPLE=%zu: not all, one in %zu\n", sample, sample);
        }
    }

    return sample;
}


size_t
unit_some(size_t n)
{
    return (n + unit_sample() - 1) / unit_sample();
}
