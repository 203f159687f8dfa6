
#include "unit.h"


#define FIGURES(a, b)  .figures = 1, .once = (a), .twice = (b)


const unit_scenario_t  unit_scenarios[] = {

    { .name = "create, close, create", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a"),
        STREAM_CREATE(7, 3, 4000, "a") },
      FIGURES(0, 0) },

    { .name = "create, close", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a") },
      FIGURES(0, 19) },

    { .name = "create, close, create, close", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a"),
        STREAM_CREATE(7, 3, 4000, "a"),
        STREAM_CLOSE(7, 4, 4000, 5000, "a") },
      FIGURES(29, 34) },

    { .name = "login, logout, login, logout", .events = {
        ROOM_CREATE(7, 1000),
        LOGIN(7, 1, 2000, "u", 71),
        LOGOUT(7, 2, 2000, 3000, "u", 71),
        LOGIN(7, 3, 4000, "u", 72),
        LOGOUT(7, 4, 4000, 5000, "u", 72) },
      FIGURES(11, 24) },

    { .name = "room created, stream created, closed, room closed", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a"),
        ROOM_CLOSE(7, 4000) },
      FIGURES(0, 17) },

    { .name = "room created, filled, closed", .events = {
        ROOM_CREATE(7, 1000),
        LOGIN(7, 1, 1500, "u", 71),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CREATE(7, 2, 2500, "b"),
        LOGIN(7, 2, 3000, "v", 72),
        ROOM_CLOSE(7, 4000) } },

    { .name = "two streams interleaved", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CREATE(7, 2, 2500, "b"),
        STREAM_CLOSE(7, 3, 2000, 3000, "a"),
        STREAM_CREATE(7, 4, 3500, "a"),
        STREAM_CLOSE(7, 5, 2500, 4000, "b"),
        STREAM_CREATE(7, 6, 4500, "b"),
        STREAM_CLOSE(7, 7, 3500, 5000, "a") } },

    { .name = "room closed and reopened with streams", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CLOSE(7, 2, 2000, 3000, "a"),
        ROOM_CLOSE(7, 3000),
        ROOM_CREATE(8, 4000),
        STREAM_CREATE(8, 1, 4500, "a"),
        STREAM_CREATE(8, 2, 5000, "b") } },

    { .name = "the kicked second device", .events = {
        ROOM_CREATE(7, 1000),
        LOGIN(7, 1, 2000, "u", 71),
        LOGIN(7, 2, 3000, "u", 72),
        LOGOUT(7, 3, 2000, 3001, "u", 71) } },

    { .name = "streams only", .events = {
        STREAM_CREATE(7, 1, 2000, "a"),
        STREAM_CREATE(7, 2, 2500, "b"),
        STREAM_CLOSE(7, 3, 2000, 3000, "a"),
        STREAM_CLOSE(7, 4, 2500, 3500, "b"),
        STREAM_CREATE(8, 1, 4000, "a"),
        STREAM_CLOSE(8, 2, 4000, 5000, "a"),
        STREAM_CREATE(8, 3, 6000, "a") } },

    { .name = "room events only", .events = {
        ROOM_CREATE(7, 1000),
        ROOM_CLOSE(7, 2000),
        ROOM_CREATE(8, 3000) } },

    { .name = "three lives of one room", .events = {
        ROOM_CREATE(7, 1000),
        STREAM_CREATE(7, 1, 1500, "a"),
        ROOM_CLOSE(7, 2000),
        ROOM_CREATE(8, 3000),
        LOGIN(8, 1, 3500, "u", 81),
        ROOM_CLOSE(8, 4000),
        ROOM_CREATE(9, 5000),
        STREAM_CREATE(9, 1, 5500, "a") } }
};

const size_t  unit_nscenarios = sizeof(unit_scenarios)
                                / sizeof(unit_scenarios[0]);


size_t
unit_events(const unit_scenario_t *scenario)
{
    size_t  n;

    for (n = 0; n < UNIT_EVENTS_MAX && scenario->events[n].type; n++) {
        /* void */
    }

    return n;
}
