using System.Text;
using CsCheck;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Tests.Chat;

/// <summary>Answers are taken apart the same however their text is cut on its way.</summary>
public sealed class AnswerParserTests
{
    private const string Xml = "xml", Json = "json", None = "none";

    /// <summary>Format, whether the prompt begins the thoughts, the text, and what it is made of: T(houghts), C(ontent), F(unction).</summary>
    public static TheoryData<string, bool, string, string> Answers => new()
    {
        { None, false, " a devil\n", "C: a devil\n" },
        { None, false, "a <tool_call>b</tool_call>", "C:a <tool_call>b</tool_call>" },
        { None, true, "\nIt is me.\n</think>\n\nHello", "T:It is me.|C:Hello" },
        { None, true, "</think>\n\nHello", "C:Hello" },
        { None, true, "no end", "T:no end" },
        { None, false, "<think>\nIt is me.\n</think>\n\nHello", "T:It is me.|C:Hello" },
        { None, false, "\n<think>a < b </thin </think>c", "T:a < b </thin|C:c" },
        { None, false, "<thin ice", "C:<thin ice" },
        { None, false, "a <think>b</think>", "C:a <think>b</think>" },
        { Json, false, "Let me see.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, \"}\\\"</tool_call>\"], \"b\": {}}}\n</tool_call>", "C:Let me see.|F:f({\"a\": [1, \"}\\\"</tool_call>\"], \"b\": {}})" },
        { Json, true, "x</think>\n\n<tool_call>\n{\"name\": \"f\", \"arguments\": {}}\n</tool_call>\n<tool_call>\n{\"arguments\": {\"q\": 1.5e3}, \"name\": \"g\"}\n</tool_call>", "T:x|F:f({})|F:g({\"q\": 1.5e3})" },
        { Json, false, "<tool_call>{\"name\": \"f\"}</tool_call>", "F:f({})" },
        { Json, false, "<tool_call>{\"name\": \"f\", \"arguments\": null}</tool_call>done", "F:f({})|C:done" },
        { Json, false, "<tool_call>{\"name\": \"f\", \"arguments\": \"{\\\"a\\\": 1}\"}</tool_call>", "F:f({\"a\": 1})" },
        { Json, false, "<tool_call>{\"id\": 7, \"ok\": true, \"name\": \"f\", \"parameters\": {\"a\": 1}}</tool_call>", "F:f({\"a\": 1})" },
        { Json, false, "<tool_call>no call</tool_call> at all", "C:<tool_call>no call</tool_call> at all" },
        { Json, false, "<tool_call></tool_call>", "C:<tool_call></tool_call>" },
        { Json, false, "<tool_call>{\"nome\": \"f\"}</tool_call>", "C:<tool_call>{\"nome\": \"f\"}</tool_call>" },
        { Json, false, "<tool_call>{\"name\": 5}</tool_call>", "C:<tool_call>{\"name\": 5}</tool_call>" },
        { Json, false, "<tool_call>{\"name\": \"f\", \"arguments\": {\"a\": \"cut", "F:f({\"a\": \"cut)" },
        { Json, false, "<tool_call>{\"na", "C:<tool_call>{\"na" },
        { Json, false, "1 < 2 <tool", "C:1 < 2 <tool" },
        { Json, false, "a \n\n b", "C:a \n\n b" },
        { Xml, false, "Well.\n\n<tool_call>\n<function=f>\n<parameter=text>\n12\nlines & \"quotes\" </parameter\n</parameter>\n<parameter=count>\n12\n</parameter>\n</function>\n</tool_call>", "C:Well.|F:f({\"text\": \"12\\nlines & \\\"quotes\\\" </parameter\", \"count\": 12})" },
        { Xml, false, "<tool_call>\n<function=f>\n<parameter=on>\nTrue\n</parameter>\n<parameter=list>\n[1, 2]\n</parameter>\n<parameter=unknown>\n5 apples\n</parameter>\n</function>\n</tool_call>", "F:f({\"on\": true, \"list\": [1, 2], \"unknown\": \"5 apples\"})" },
        { Xml, false, "<tool_call>\n<function=f>\n</function>\n</tool_call>\n<tool_call>\n<function=g>\n<parameter=a>\n{\"x\": \"y\"}\n</parameter>\n</function>\n</tool_call>", "F:f({})|F:g({\"a\": {\"x\": \"y\"}})" },
        { Xml, false, "<function=f>\n<parameter=text>x</parameter>\n</function>\n</tool_call>", "F:f({\"text\": \"x\"})" },
        { Xml, false, "<tool_call>\n<function=f>\n<parameter=text>\n\n\n</parameter></tool_call> end", "F:f({\"text\": \"\\n\"})|C:end" },
        { Xml, false, "<tool_call>\nno call", "C:<tool_call>\nno call" },
        { Xml, false, "<tool_call>\n<function=f>\n<parameter=text>\ncut o", "F:f({\"text\": \"cut o)" },
        { Xml, false, "a <function", "C:a <function" },
    };

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_is_taken_apart(string format, bool thinks, string text, string expected)
    {
        Assert.Equal(expected, Show(Parse(format, thinks, [text])));
        Assert.Equal(expected, Show(Parse(format, thinks, [.. text.Select(static c => c.ToString())])));
    }

    [Fact]
    public void Cuts_make_no_difference()
    {
        string[] pieces = ["<think>", "</think>", "<tool_call>", "</tool_call>", "\n", " ", "{\"name\": \"f\", \"arguments\": ", "{\"a\": 1}", "}", "\"", "<function=f>", "<parameter=text>", "<parameter=count>", "</parameter>", "</function>", "12", "x", "\\", "[", "]", "<", "{", "name", ":", ","];
        Gen<string> answer = Gen.Int[0, pieces.Length - 1].Select(i => pieces[i]).List[0, 24].Select(static p => string.Concat(p));
        Gen.Select(Gen.Int[0, 2].Select(static i => i == 0 ? Json : i == 1 ? Xml : None), Gen.Bool, answer, Gen.Int[1, 7]).Sample((format, thinks, text, width) =>
        {
            string[] cut = [.. text.Chunk(width).Select(static c => new string(c))];
            Assert.Equal(Show(Parse(format, thinks, [text])), Show(Parse(format, thinks, cut)));
        }, iter: 20_000);
    }

    [Theory]
    [InlineData("qwen3", "Json")]
    [InlineData("qwen3-coder", "Xml")]
    [InlineData("qwen3.5", "Xml")]
    public void The_format_is_what_the_template_tells_the_model(string name, string expected) =>
        Assert.Equal(expected, ToolCallFormats.Of(ChatTemplate.FromFile(TestData.Path($"chat/{name}.jinja"), null)).ToString());

    [Fact]
    public void The_demo_takes_no_tools() => Assert.Equal(ToolCallFormat.None, ToolCallFormats.Of(ChatTemplate.FromFolder(TestData.Demo)));

    private static List<AnswerPart> Parse(string format, bool thinks, string[] pieces)
    {
        ToolCallReader? calls = format switch { Json => new JsonCallReader(), Xml => new XmlCallReader(Schema), _ => null };
        var parser = new AnswerParser(thinks, calls);
        var parts = new List<AnswerPart>();
        foreach (string piece in pieces)
        {
            parser.Append(piece, parts);
        }

        parser.End(parts);
        return parts;
    }

    private static DictValue? Schema(string function, string name) => name switch
    {
        "text" => new DictValue([new("type", "string")]),
        "count" => new DictValue([new("type", "integer")]),
        _ => null,
    };

    // Pieces of one kind are one; a call is its name and all of its arguments.
    private static string Show(List<AnswerPart> parts)
    {
        var text = new StringBuilder();
        AnswerPartKind? last = null;
        foreach (AnswerPart part in parts)
        {
            switch (part.Kind)
            {
                case AnswerPartKind.CallBegin:
                    text.Append($"|F:{part.Text}(");
                    break;
                case AnswerPartKind.CallArguments:
                    text.Append(part.Text);
                    break;
                case AnswerPartKind.CallEnd:
                    text.Append(')');
                    break;
                default:
                    text.Append(last == part.Kind ? part.Text : $"|{(part.Kind == AnswerPartKind.Reasoning ? 'T' : 'C')}:{part.Text}");
                    break;
            }

            last = part.Kind;
        }

        return text.ToString().TrimStart('|');
    }
}
