using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary><c>lean render</c>, with published templates.</summary>
public sealed class RenderTests
{
    /// <summary>A template, and which of its recorded conversations.</summary>
    public static TheoryData<string, string> Recorded
    {
        get
        {
            TheoryData<string, string> cases = [];
            foreach (string template in new[] { "qwen3", "qwen3.5", "qwen3-coder" })
            {
                foreach (string name in new[] { "system", "tool-round", "nested-args", "content-parts", "empty", "bad-role" })
                {
                    cases.Add(template, name);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Recorded))]
    public void What_jinja_made_of_a_conversation_comes_out_to_the_byte(string template, string name)
    {
        using var folder = new TemporaryFolder();
        using var file = JsonDocument.Parse(File.ReadAllText(Repository.Data($"chat/{template}.json")));
        JsonElement vector = file.RootElement.EnumerateArray().Single(v => v.GetProperty("name").GetString() == name);
        string messages = folder.Write("messages.json", vector.GetProperty("input").GetRawText()), path = Repository.Data($"chat/{template}.jinja");
        LeanRun run = LeanRun.Of("render", "--template", path, messages);
        if (vector.TryGetProperty("rendered", out JsonElement text))
        {
            Assert.Equal(text.GetString(), run.Good().Output);
        }
        else
        {
            run.Fails(2, vector.GetProperty("error").GetString()!);
            Assert.Contains($"{path}, line ", run.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_models_template_is_found_and_a_bare_list_is_messages()
    {
        using var folder = new TemporaryFolder();
        string messages = folder.Write("messages.json", """[{"role":"user","content":"hi"}]""");
        Assert.Equal("<|im_start|>user\nhi<|im_end|>\n", LeanRun.Of("render", "--model", Path.Combine(Repository.Root, "Engine/Demo"), messages).Good().Output);
        Assert.Equal("<|im_start|>user\nhi<|im_end|>\n", LeanRun.Of("render", messages).Good().Output);
    }

    /// <summary>A template that is up to no good, and what its sentence must name.</summary>
    public static TheoryData<string, string> Hostile => new()
    {
        { "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does not end" },
        { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls inside each other" },
        { "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "calls inside each other" },
        { "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "characters" },
        { "{{ " + new string('(', 100_000), "too deep" },
        { "{{ " + new string('-', 100_000) + "1 }}", "too deep" },
        { "{{ 1" + string.Concat(Enumerable.Repeat("+1", 100_000)) + " }}", "too deep" },
        { string.Concat(Enumerable.Repeat("{% if 1 %}", 20_000)), "too deep" },
        { "{{ raise_exception('no\\nway') }}", "TemplateError: no way" },
        { "{{ x.y }}", "'x' is undefined" },
        { "{{", "TemplateSyntaxError" },
        { "{% include 'x' %}", "no loader" },
    };

    [Theory]
    [MemberData(nameof(Hostile))]
    public void A_hostile_template_ends_in_one_sentence(string template, string words)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("render", "--template", folder.Write("t.jinja", template), folder.Write("m.json", "[]")).Fails(2, words);
    }

    [Theory]
    [InlineData("{", "not valid JSON")]
    [InlineData("5", "expected an object")]
    [InlineData("""{"messages":"\ud800"}""", "not valid Unicode")]
    public void Messages_are_checked(string messages, string words)
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("render", folder.Write("m.json", messages)).Fails(2, words);
    }

    [Fact]
    public void Deep_messages_are_refused()
    {
        using var folder = new TemporaryFolder();
        string deep = new string('[', 100_000) + new string(']', 100_000);
        LeanRun.Of("render", folder.Write("m.json", deep)).Fails(2, "m.json");
    }

    [Fact]
    public void A_model_without_a_template_says_where_one_is_looked_for()
    {
        using var folder = new TemporaryFolder();
        LeanRun.Of("render", "--model", folder.At(""), folder.Write("m.json", "[]")).Fails(2, "chat_template.jinja");
        LeanRun.Of("render", "--template", "/nowhere.jinja", folder.At("m.json")).Fails(2, "/nowhere.jinja");
        LeanRun.Of("render", "--template", folder.At("m.json"), "/nowhere.json").Fails(2, "/nowhere.json");
    }
}
