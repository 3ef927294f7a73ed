#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| bronzed_dst::fuzz::answer(input));
