
#include "unit.h"


void
unit_answer_begin(unit_answer_t *answer)
{
    free(answer->data);

    answer->data = calloc(1, 1);
    answer->len = 0;
    answer->pieces = 0;
}


zego_view_e
unit_answer_read(unit_answer_t *answer, zego_view_t *view,
    const zego_rooms_t *rooms)
{
    zego_str_t   piece;
    zego_view_e  rc;

    rc = zego_view_read(view, rooms);

    if (rc == ZEGO_VIEW_MORE || rc == ZEGO_VIEW_DONE) {
        piece = zego_view_write(view);
        ck_assert_ptr_nonnull(piece.data);

        answer->data = realloc(answer->data, answer->len + piece.len + 1);
        memcpy(answer->data + answer->len, piece.data, piece.len);
        answer->len += piece.len;
        answer->data[answer->len] = '\0';
        answer->pieces++;
    }

    return rc;
}


void
unit_answer_rest(unit_answer_t *answer, zego_view_t *view,
    const zego_rooms_t *rooms)
{
    unsigned     n;
    zego_view_e  rc;

    n = 0;

    do {
        rc = unit_answer_read(answer, view, rooms);
        ck_assert_uint_lt(n++, 1000);

    } while (rc == ZEGO_VIEW_MORE);

    ck_assert_int_eq(rc, ZEGO_VIEW_DONE);
    zego_view_destroy(view);
}


size_t
unit_answer_count(const unit_answer_t *answer, const char *what)
{
    size_t       n;
    const char  *p;

    for (n = 0, p = answer->data; (p = strstr(p, what)) != NULL; n++) {
        p++;
    }

    return n;
}
