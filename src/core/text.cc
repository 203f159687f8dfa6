#include "text.h"

#include <cstring>

namespace zego {

namespace {

char *block_data(Block *block)
{
    return reinterpret_cast<char *>(block + 1);
}

// Goes over the bytes of a text, a contiguous run at a time.
struct Reader {
    std::span<char> run;
    Block *next;
};

void settle(Reader &reader)
{
    while (reader.run.empty() && reader.next != nullptr) {
        reader.run = {block_data(reader.next), reader.next->size};
        reader.next = reader.next->next;
    }
}

Reader read_from(const Text &text, const char *head)
{
    Reader reader{{const_cast<char *>(head), text.room}, text.more};
    settle(reader);
    return reader;
}

std::span<char> take(Reader &reader, std::size_t most)
{
    const std::size_t n = std::min(most, reader.run.size());
    const std::span<char> taken = reader.run.first(n);
    reader.run = reader.run.subspan(n);
    settle(reader);
    return taken;
}

} // namespace

std::size_t text_size(const Strings &strings)
{
    std::size_t size = 0;
    for (const std::string_view string : strings) {
        size += string.size();
    }
    return size;
}

std::size_t text_size(const Text &text)
{
    std::size_t size = 0;
    for (const std::uint16_t len : text.len) {
        size += len;
    }
    return size;
}

bool blocks_allocate(const zego_memory_t &memory, std::size_t size,
                     Block **blocks)
{
    *blocks = nullptr;
    Block **last = blocks;

    while (size > 0) {
        const std::size_t chunk = chunk_size(sizeof(Block) + size);
        auto *block = static_cast<Block *>(allocate(memory, chunk));
        if (block == nullptr) {
            blocks_release(memory, *blocks);
            *blocks = nullptr;
            return false;
        }
        block->next = nullptr;
        block->size = chunk - sizeof(Block);
        size -= std::min(size, std::size_t{block->size});
        *last = block;
        last = &block->next;
    }
    return true;
}

void blocks_release(const zego_memory_t &memory, Block *blocks)
{
    while (blocks != nullptr) {
        Block *next = blocks->next;
        release(memory, blocks);
        blocks = next;
    }
}

void text_write(Text &text, char *head, const Strings &strings)
{
    Reader reader = read_from(text, head);
    for (std::size_t i = 0; i < text_strings; i++) {
        std::string_view rest = strings[i];
        text.len[i] = static_cast<std::uint16_t>(rest.size());
        while (!rest.empty()) {
            const std::span<char> run = take(reader, rest.size());
            std::memcpy(run.data(), rest.data(), run.size());
            rest.remove_prefix(run.size());
        }
    }
}

Strings text_read(const Text &text, const char *head, char *out)
{
    Strings strings;
    Reader reader = read_from(text, head);
    for (std::size_t i = 0; i < text_strings; i++) {
        strings[i] = {out, text.len[i]};
        std::size_t rest = text.len[i];
        while (rest > 0) {
            const std::span<char> run = take(reader, rest);
            std::memcpy(out, run.data(), run.size());
            out += run.size();
            rest -= run.size();
        }
    }
    return strings;
}

bool text_equal(const Text &text, const char *head, std::size_t index,
                std::string_view string)
{
    if (text.len[index] != string.size()) {
        return false;
    }
    Reader reader = read_from(text, head);
    std::size_t before = 0;
    for (std::size_t i = 0; i < index; i++) {
        before += text.len[i];
    }
    while (before > 0) {
        before -= take(reader, before).size();
    }
    while (!string.empty()) {
        const std::span<char> run = take(reader, string.size());
        if (std::memcmp(run.data(), string.data(), run.size()) != 0) {
            return false;
        }
        string.remove_prefix(run.size());
    }
    return true;
}

std::strong_ordering text_compare(const Text &text, const char *head,
                                  const Strings &strings)
{
    Reader reader = read_from(text, head);
    for (std::size_t i = 0; i < text_strings; i++) {
        if (text.len[i] != strings[i].size()) {
            return text.len[i] <=> strings[i].size();
        }
        std::string_view rest = strings[i];
        while (!rest.empty()) {
            const std::span<char> run = take(reader, rest.size());
            const int rc = std::memcmp(run.data(), rest.data(), run.size());
            if (rc != 0) {
                return rc <=> 0;
            }
            rest.remove_prefix(run.size());
        }
    }
    return std::strong_ordering::equal;
}

} // namespace zego
