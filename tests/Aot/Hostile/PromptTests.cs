using System.Buffers.Binary;
using System.Text;

namespace Lean.Aot.Tests.Hostile;

/// <summary>Prompts and texts, on the command line and in files, that no model can read. The demo has 2048 tokens and 4096 positions.</summary>
public sealed class PromptTests
{
    private static readonly string TooMany = string.Join(',', Enumerable.Repeat(5, 4097));

    /// <summary>What --prompt-ids is given, and the sentence.</summary>
    public static TheoryData<string, string> Ids => new()
    {
        { "", "--prompt-ids is '', expected token ids such as 1,2,3" },
        { ",", "--prompt-ids is ',', expected token ids" },
        { "1,,2", "--prompt-ids is '1,,2', expected token ids" },
        { "1.0", "--prompt-ids is '1.0', expected token ids" },
        { "0x10", "--prompt-ids is '0x10', expected token ids" },
        { "2147483648", "--prompt-ids is '2147483648', expected token ids" },
        { "99999999999999999999", "--prompt-ids is '99999999999999999999', expected token ids" },
        { "-1", "the prompt holds token -1, expected 0 to 2047 \\(the model's vocabulary\\)" },
        { "1,2048", "the prompt holds token 2048, expected 0 to 2047" },
        { "-2147483648", "the prompt holds token -2147483648, expected 0 to 2047" },
        { TooMany, "the prompt has 4097 tokens, expected at most the model's 4096 positions" },
    };

    /// <summary>What a file for --prompts holds, and the sentence.</summary>
    public static TheoryData<string, string> Lines => new()
    {
        { "", "holds no prompts: expected one JSON object a line" },
        { " \n\n", "holds no prompts" },
        { "{\"prompt\":\"\"}", "the prompt is empty: expected at least one token" },
        { "{\"prompt_ids\":[]}", "the prompt is empty" },
        { "{\"prompt\":\"a\"}\n{\"prompt\":\"\"}", "prompt 2 of 2 is empty" },
        { "{\"prompt\":\"a\"}\n{\"prompt_ids\":[-1]}", "prompt 2 of 2 holds token -1, expected 0 to 2047" },
        { "{\"prompt_ids\":[1]}\n{\"prompt_ids\":[2048]}\n{}", "line 3: expected one of \"prompt\", \"prompt_ids\" and \"messages\", found none" },
        { $"{{\"prompt\":\"a\"}}\n{{\"prompt_ids\":[{TooMany}]}}", "prompt 2 of 2 has 4097 tokens, expected at most" },
        { "{\"prompt_ids\":[\"1\"]}", "line 1: expected token ids, found a string" },
        { "{\"prompt_ids\":[99999999999999999999]}", "line 1: expected token ids, found 99999999999999999999" },
        { "{\"prompt\":null}", "line 1: expected a string, found null" },
        { "{\"prompt\":\"a\",\"max_tokens\":\"5\"}", "max_tokens is \"5\", expected a whole number" },
        { "{\"prompt\":\"a\",\"max_tokens\":1e99}", "max_tokens is 1e99, expected a whole number" },
        { "{\"prompt\":\"a\"}{\"prompt\":\"b\"}", "line 1: not valid JSON at line 1, byte 15" },
        { "{\"prompt\":\"a\0b\"}", "line 1: not valid JSON" },
        { new string('[', 100_000), "line 1: not valid JSON at line 1, byte 65" },
    };

    /// <summary>What a file for --ids holds, and the sentence.</summary>
    public static TheoryData<string, string> IdLists => new()
    {
        { "", "not valid JSON at line 1, byte 1" },
        { "[]", "the prompt is empty" },
        { "{}", "expected a list of token ids, found an object" },
        { "[[1]]", "expected token ids, found a list" },
        { "[1.5]", "expected token ids, found 1.5" },
        { "[-1]", "the prompt holds token -1" },
        { "[2048]", "the prompt holds token 2048" },
        { "[99999999999]", "expected token ids, found 99999999999" },
        { $"[{TooMany}]", "the prompt has 4097 tokens" },
        { new string('[', 100_000), "not valid JSON at line 1, byte 65" },
    };

    /// <summary>A safetensors file's prompt_ids: dtype, shape, a byte that fills the data; and the sentence.</summary>
    public static TheoryData<string, string, int, int, string> IdTensors => new()
    {
        { "F32", "[1]", 4, 0, "prompt_ids is f32 \\[1\\], expected i64 or i32 \\[T\\]" },
        { "U8", "[4]", 4, 0, "is U8 \\[4\\], expected the type" },
        { "I64", "[0]", 0, 0, "the prompt is empty" },
        { "I64", "[]", 8, 0, "prompt_ids is i64 \\[\\], expected" },
        { "I64", "[2,2]", 32, 0, "prompt_ids is i64 \\[2, 2\\], expected" },
        { "I64", "[1]", 8, 0xff, "prompt_ids holds -1, which is no token id" },
        { "I64", "[1]", 8, 0x10, "prompt_ids holds 1157442765409226768, which is no token id" },
        { "I32", "[1]", 4, 0xff, "the prompt holds token -1" },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public void Token_ids_are_checked(string ids, string sentence) => LeanRun.Of("generate", "--prompt-ids", ids).Refuses(2, sentence);

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_file_of_prompts_is_checked(string text, string sentence)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("generate", "--prompts", folder.Write("p.jsonl", text)).Refuses(2, sentence);
    }

    [Theory]
    [MemberData(nameof(IdLists))]
    public void A_list_of_ids_is_checked(string text, string sentence)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("score", "--ids", folder.Write("ids.json", text)).Refuses(2, sentence);
    }

    [Theory]
    [MemberData(nameof(IdTensors))]
    public void A_tensor_of_ids_is_checked(string type, string shape, int bytes, int fill, string sentence)
    {
        using var folder = new TemporaryFolder();
        byte[] header = Encoding.UTF8.GetBytes($$$"""{"prompt_ids":{"dtype":"{{{type}}}","shape":{{{shape}}},"data_offsets":[0,{{{bytes}}}]}}"""), length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        File.WriteAllBytes(folder.At("ids.safetensors"), [.. length, .. header, .. Enumerable.Repeat((byte)fill, bytes)]);
        LeanRun.Of("score", "--ids", folder.At("ids.safetensors")).Refuses(2, sentence);
    }

    [Theory]
    [InlineData("generate", "--prompts")]
    [InlineData("score", "--ids")]
    [InlineData("score", "--text")]
    [InlineData("tokenize", "--texts")]
    public void Files_that_cannot_be_read_are_named(string command, string option)
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder.At("folder"));
        File.CreateSymbolicLink(folder.At("nothing"), "/nowhere");
        File.CreateSymbolicLink(folder.At("itself"), folder.At("itself"));
        File.WriteAllBytes(folder.At("latin"), [.. "[\"caf"u8, 0xe9, .. "\"]"u8]);
        File.WriteAllText(folder.At("utf16"), "[\"a\"]", Encoding.Unicode);
        (string File, int ExitCode, string Sentence)[] cases =
        [
            (folder.At("absent"), 2, "the file '.+absent' does not exist"),
            (folder.At("folder"), 2, "folder' is a folder, expected a file"),
            (folder.At("nothing"), 2, "nothing' is a symbolic link that leads to no file"),
            (folder.At("itself"), 2, "itself' is a symbolic link that leads to no file"),
            (folder.At("latin"), 2, "latin' is not valid UTF-8: byte 0xe9 at 5"),
            (folder.At("utf16"), 2, "utf16' is not valid UTF-8: byte 0xff at 0"),
            ("", 2, "'' does not name a regular file that can be read"),

            // Memory that nobody has mapped: what a bad disk answers.
            ("/proc/self/mem", 1, "'/proc/self/mem' could not be read: Input/output error"),
        ];
        foreach ((string file, int exitCode, string sentence) in cases)
        {
            LeanRun.Of(command, option, file).Refuses(exitCode, sentence);
        }
    }

    [Fact]
    public void Pipes_and_byte_order_marks_are_read()
    {
        Assert.Equal("[[405,308],[]]\n", LeanRun.Shell("echo '[\"To be\",\"\"]' | \"$0\" tokenize --texts /dev/stdin").Good().Output);
        using var folder = new TemporaryFolder();
        Assert.Equal("[[405,308]]\n", LeanRun.Of("tokenize", "--texts", folder.Write("t.json", "\uFEFF[\"To be\"]")).Good().Output);
    }

    [Fact]
    public void A_prompt_as_long_as_the_model_gets_its_one_token()
    {
        LeanRun.Of("generate", "--prompt-ids", TooMany[2..], "--max-tokens", "5", "--json").Good();
        LeanRun.Of("generate", new string('a', 120_000)).Refuses(2, "the prompt has \\d+ tokens, expected at most the model's 4096 positions");
    }
}
