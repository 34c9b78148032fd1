TEST(Foo, Baz) {
