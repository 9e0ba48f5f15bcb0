namespace Lean.Aot.Tests.Hostile;

/// <summary>Command lines that contradict themselves, go out of range or are no text; ErrorTests has the usual slips.</summary>
public sealed class ArgumentTests
{
    /// <summary>A command line, and its sentence.</summary>
    public static TheoryData<string[], string> Lines => new()
    {
        { ["generate", "a", "--max-tokens", "2147483648"], "--max-tokens is '2147483648', expected a whole number from 1 to 2147483647" },
        { ["generate", "a", "--max-tokens", "-1"], "--max-tokens is '-1', expected" },
        { ["generate", "a", "--max-tokens", "1e3"], "--max-tokens is '1e3', expected" },
        { ["generate", "a", "--max-tokens", ""], "--max-tokens is '', expected" },
        { ["generate", "a", "--max-tokens", "1\n2"], "--max-tokens is '1·2', expected" },
        { ["generate", "a", "--max-tokens", "1", "--max-tokens", "2"], "'--max-tokens' expects a single argument but 2 were provided" },
        { ["generate", "a", "--model", "x", "--model", "y"], "'--model' expects a single argument but 2 were provided" },
        { ["generate", "--prompts", "x", "--prompts", "y"], "'--prompts' expects a single argument but 2 were provided" },
        { ["generate", "a", "--json", "false"], "'false'" },
        { ["generate", "a", "--json=maybe"], "'maybe'" },
        { ["generate", "a", "--max-sequences", "0"], "--max-sequences is '0', expected a whole number from 1 to 1048576" },
        { ["generate", "a", "--max-step-tokens", "99999999"], "--max-step-tokens is '99999999', expected" },
        { ["generate", "a", "--device", ""], "--device is '', expected cpu" },
        { ["generate", "a", "--device"], "'--device'" },
        { ["generate", "--", "--x", "--y"], "'--y'" },
        { ["generate", "a", "-x"], "'-x'" },
        { ["generate", "--help", "--bogus"], "--bogus" },
        { ["generate", "a", "--model", ""], "the model folder '' does not exist" },
        { ["GENERATE", "a"], "'GENERATE'" },
        { [""], "''" },
        { ["[suggest]"], "'\\[suggest\\]'" },
        { ["[diagram]", "generate", "a"], "'\\[diagram\\]'" },
        { ["--model", "x"], "'--model'" },
        { ["score", "--ids", "a", "--text", "b"], "expected either --ids FILE or --text FILE" },
        { ["score", "--text", "/proc/version", "--mtp", "65", "--logits", "x"], "--mtp is '65', expected a whole number from 0 to 64" },
        { ["score", "--text", "/proc/version", "--logits", ""], "'' does not name a file that can be written" },
        { ["score", "--text", "/proc/version", "--logits", "/tmp"], "'/tmp' is a folder, expected the name of a file to write" },
        { ["score", "--text", "/proc/version", "--logits", "/proc/version/x"], "the folder '/proc/version' does not exist" },
        { ["tokenize", "a", "--texts", "b"], "expected either TEXT or --texts FILE.json" },
        { ["bench", "decode", "--layers", "-1"], "--layers is '-1', expected" },
        { ["bench", "decode", "--batch", "1,,2"], "--batch is '', expected a whole number from 1 to 4096" },
        { ["bench", "decode", "--batch", "4097"], "--batch is '4097', expected" },
        { ["bench", "decode", "--tokens", "0"], "--tokens is '0', expected" },
        { ["bench", "decode", "--context", "5000"], "--context 5000 and \\d+ tokens after it exceed the model's 4096 positions" },
        { ["bench", "prefill", "--tokens", "5000"], "5000 tokens, expected at most the model's 4096 positions" },
        { ["bench", "decode", "--model", "x", "--synthetic", "qwen3.5-0.8b"], "--model and --synthetic exclude each other" },
        { ["bench", "train"], "'train'" },
        { ["inspect", "a", "b"], "'b'" },
        { ["inspect", "--tp", "0"], "--tp is '0', expected" },
        { ["devices", "x"], "'x'" },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_wrong_command_line_is_refused(string[] arguments, string sentence) => LeanRun.Of(arguments).Refuses(2, sentence);

    [Theory]
    [InlineData("generate \"$(printf '\\377\\376')\"", "argument 2 is not valid UTF-8: byte 0xff at 0")]
    [InlineData("tokenize \"$(printf 'caf\\351')\"", "argument 2 is not valid UTF-8: byte 0xe9 at 3")]
    [InlineData("tokenize \"$(printf '\\355\\240\\200')\"", "argument 2 is not valid UTF-8: byte 0xed at 0")]
    [InlineData("tokenize \"$(printf 'a\\360\\237\\230')\"", "argument 2 is not valid UTF-8: byte 0xf0 at 1")]
    [InlineData("tokenize '' a \"$(printf '\\300\\257')\"", "argument 4 is not valid UTF-8: byte 0xc0 at 0")]
    [InlineData("generate a --model \"$(printf '/tmp/\\377')\"", "argument 4 is not valid UTF-8: byte 0xff at 5")]
    [InlineData("\"$(printf '\\377')\"", "argument 1 is not valid UTF-8: byte 0xff at 0")]
    public void Arguments_that_are_not_UTF_8_are_refused(string arguments, string sentence) =>
        LeanRun.Shell($"exec \"$0\" {arguments}").Refuses(2, sentence);

    [Fact]
    public void The_replacement_character_itself_is_text() => Assert.Equal("[171,123,121]\n", LeanRun.Of("tokenize", "\uFFFD").Good().Output);

    [Theory]
    [InlineData("LEAN_CPU", "\n   at ", "LEAN_CPU is '·   at '")]
    [InlineData("LEAN_THREADS", "99999999999", "LEAN_THREADS is '99999999999', expected a number of threads from 1 to 1024")]
    [InlineData("LEAN_THREADS", "-1", "LEAN_THREADS is '-1', expected")]
    public void Environment_variables_are_checked(string name, string value, string sentence) =>
        LeanRun.With([(name, value)], "generate", "a").Refuses(2, sentence);
}
