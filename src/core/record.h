// A record: the fact of an entry as bytes, which a store keeps.  In the byte
// order of the machine, as all that LMDB writes.

#ifndef ZEGO_CORE_RECORD_H
#define ZEGO_CORE_RECORD_H

#include "fact.h"

namespace zego {

// Of another layout nothing can be read.
constexpr std::uint8_t record_layout = 1;

constexpr std::size_t window_words_max = window_bits_max / 64;

// A fact that was read from a record, whose bytes its strings are.
struct Record {
    Fact fact;
    RegisterFact reg;
    bool session; // it has one
    Window stream_seq;
    Window user_update_seq;
    std::array<std::uint64_t, window_words_max> stream_seq_words;
    std::array<std::uint64_t, window_words_max> user_update_seq_words;
};

// Writes the session of a fact, if it has its windows, and its register, if it
// has one; at most ZEGO_RECORD_MAX bytes.  How many they are.
std::size_t record_write(const Fact &fact, char *out);

// How long the record is that these bytes begin with; 0 if they are none.
std::size_t record_size(std::string_view bytes);

// False: it is no record, or of another layout.
bool record_read(Record &record, std::string_view bytes);

// The same but for the windows, which take some time.
bool record_read_entries(Record &record, std::string_view bytes);

// The key of the register of a fact, else of the session, in a store: the
// order of the bytes is that of app, room, kind (sessions first), session, id.
struct StoreKey {
    std::array<char, 511> bytes;
    std::size_t len = 0;
};

StoreKey store_key(const Fact &fact);

// What of a room must come or go at once, lest it be half forgotten: all its
// sessions; all sessions of a user.  The length of that in a key.
std::size_t group_of(std::string_view key);

} // namespace zego

#endif
