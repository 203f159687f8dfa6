#include "zego_rooms.h"

#include "arena.h"
#include "encoding.h"
#include "fields.h"
#include "form.h"
#include "json.h"
#include "keep.h"

#include <algorithm>
#include <new>

using namespace zego;

enum class Body { unknown, json, percent, form };

struct zego_parser_s {
    zego_memory_t memory;
    Arena arena;
    Fields fields;
    Keep keep;

    Json json;
    Form form;
    Percent percent; // of the body as a whole

    Body body;
    char start[3]; // until body is known
    size_t nstart;
    zego_reason_e reason;
};

zego_parser_t *zego_parser_create(const zego_memory_t *memory,
                                  const zego_keep_t *keep) noexcept
{
    Keep sizes;
    size_t size = sizeof(zego_parser_t) + keep_create(sizes, keep, nullptr);
    void *mem = memory->alloc(memory->ctx, size);

    if (mem == nullptr) {
        return nullptr;
    }

    zego_parser_t *p = new (mem) zego_parser_t;

    p->memory = *memory;

    fields_create(p->fields);
    keep_create(p->keep, keep, reinterpret_cast<char *>(p + 1));

    arena_create(p->arena, *memory);
    keep_gen_create(p->keep, arena_funcs(p->arena));
    arena_keep(p->arena);

    p->json.arena = &p->arena;
    p->json.fields = &p->fields;
    p->json.keep = &p->keep;

    p->form.fields = &p->fields;
    p->form.keep = &p->keep;

    zego_parser_begin(p);

    return p;
}

void zego_parser_destroy(zego_parser_t *parser) noexcept
{
    arena_reset(parser->arena);

    zego_memory_t memory = parser->memory;

    memory.free(memory.ctx, parser);
}

void zego_parser_begin(zego_parser_t *parser) noexcept
{
    arena_reset(parser->arena);
    fields_reset(parser->fields);
    keep_reset(parser->keep);
    json_reset(parser->json);
    form_reset(parser->form);

    parser->percent = {};
    parser->body = Body::unknown;
    parser->nstart = 0;
    parser->reason = ZEGO_OK;
}

static zego_reason_e feed_percent(zego_parser_t &p, std::string_view in)
{
    while (!in.empty()) {
        char out[yajl_buffer];
        size_t n;
        std::string_view piece = in.substr(0, sizeof(out));

        bool good = percent_decode(p.percent, piece, out, n);
        zego_reason_e rc = json_feed(p.json, {out, n});

        if (rc != ZEGO_OK) {
            return rc;
        }

        if (!good) {
            return ZEGO_BAD_SYNTAX;
        }

        in.remove_prefix(piece.size());
    }

    return ZEGO_OK;
}

static zego_reason_e feed(zego_parser_t &p, std::string_view in)
{
    switch (p.body) {
    case Body::json:
        return json_feed(p.json, in);
    case Body::percent:
        return feed_percent(p, in);
    default:
        return form_feed(p.form, in);
    }
}

// takes from in what tells the kind of the body

static void sniff(zego_parser_t &p, std::string_view &in)
{
    if (p.nstart == 0) {
        in.remove_prefix(std::min(in.find_first_not_of(" \t\r\n"), in.size()));

        if (!in.empty() && in[0] == '{') {
            p.body = Body::json;
            return;
        }
    }

    while (!in.empty() && p.body == Body::unknown) {
        char c = in[0];

        if (c != "%7B"[p.nstart] && !(p.nstart == 2 && c == 'b')) {
            p.body = Body::form;
            return;
        }

        p.start[p.nstart++] = c;
        in.remove_prefix(1);

        if (p.nstart == sizeof(p.start)) {
            p.body = Body::percent;
        }
    }
}

void zego_parser_feed(zego_parser_t *parser, const char *data,
                      size_t len) noexcept
{
    zego_parser_t &p = *parser;
    std::string_view in{data, len};

    if (p.reason != ZEGO_OK) {
        return;
    }

    if (p.body == Body::unknown) {
        sniff(p, in);

        if (p.body == Body::unknown) {
            return;
        }

        p.reason = feed(p, {p.start, p.nstart});
    }

    if (p.reason == ZEGO_OK) {
        p.reason = feed(p, in);
    }
}

static zego_reason_e complete(zego_parser_t &p)
{
    switch (p.body) {
    case Body::json:
        return json_finish(p.json);
    case Body::percent:
        return p.percent.digits ? ZEGO_BAD_SYNTAX : json_finish(p.json);
    case Body::form:
        return form_finish(p.form);
    default:
        // nothing, or the beginning of an escape
        return ZEGO_BAD_SYNTAX;
    }
}

zego_reason_e zego_parser_finish(zego_parser_t *parser,
                                 zego_event_t *event) noexcept
{
    zego_parser_t &p = *parser;

    *event = {};

    if (p.reason == ZEGO_OK) {
        p.reason = complete(p);
    }

    if (p.reason != ZEGO_OK) {
        return p.reason;
    }

    fields_event(p.fields, *event);
    event->kept = keep_text(p.keep, event->type);

    return ZEGO_OK;
}
