TEST(Foo, Baz) {}
