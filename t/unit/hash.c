
/* The vectors of FIPS 180-2, and what is about as long as a block. */

#include "lib/unit.h"

#include <stdio.h>
#include <string.h>


static void
expect(const char *hex, const char *data, size_t len)
{
    char           text[65];
    size_t         i;
    unsigned char  digest[32];

    zego_sha256(data, len, digest);

    for (i = 0; i < sizeof(digest); i++) {
        snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }

    ck_assert_str_eq(text, hex);
}


START_TEST(the_published_ones)
{
    static char  a[1000000];

    memset(a, 'a', sizeof(a));

    expect("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
           NULL, 0);
    expect("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
           "abc", 3);
    expect("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
           "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56);
    expect("cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
           a, sizeof(a));
}
END_TEST


START_TEST(those_about_as_long_as_a_block)
{
    char  a[120];

    memset(a, 'a', sizeof(a));

    expect("9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318",
           a, 55);
    expect("7d3e74a05d7db15bce4ad9ec0658ea98e3f06eeecf16b4c6fff2da457ddc2f34",
           a, 63);
    expect("ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb",
           a, 64);
    expect("635361c48bb9eab14198e76ea8ab7f1a41685d6ad62aa9146d301d4f17eb0ae0",
           a, 65);
    expect("31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb",
           a, 119);
    expect("2f3d335432c70b580af0e8e1b3674a7c020d683aa5f73aaaedfdc55af904c21c",
           a, 120);
}
END_TEST


int
main(void)
{
    const TTest  *tests[] = {
        the_published_ones, those_about_as_long_as_a_block, NULL
    };

    return unit_main("hash", tests);
}
