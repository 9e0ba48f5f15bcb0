using System.Text;
using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Tests.Chat;

/// <summary>Templates that would run for ever, fill the memory or overflow the stack end in one sentence with their line.</summary>
public sealed class HostileTemplateTests
{
    private const int Many = 20_000;

    private static readonly DictValue s_nothing = DictValue.Empty;

    /// <summary>A template, and what its sentence must say.</summary>
    public static TheoryData<string, string> TooMuch => new()
    {
        { "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "does not end" },
        { "{% for a in range(99999) %}{% for b in range(99999) if false %}{% endfor %}{% endfor %}", "does not end" },
        { "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls inside each other" },
        { "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}", "calls inside each other" },
        { "{% macro m() %}{{ caller() }}{% endmacro %}{% macro n() %}{% call m() %}{{ n() }}{% endcall %}{% endmacro %}{{ n() }}", "calls inside each other" },
        { "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "calls inside each other" },
        { "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}", "characters" },
        { "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "characters" },
        { "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s.replace('x', 'xxxxxxxxxx') %}{% endfor %}", "characters" },
        { "{% set ns = namespace(s='xxxxxxxx') %}{% for i in range(99) %}{% set ns.s = ns.s.join([ns.s, ns.s, ns.s]) %}{% endfor %}", "characters" },
        { "{% set ns = namespace(s=['xxxxxxxx']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "does not end" },
        { "{% set ns = namespace(s=[1]) %}{% for i in range(120) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}", "characters|does not end" },
        { "{% set ns = namespace(s=[1]) %}{% for i in range(120) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s|tojson }}", "characters|does not end" },
        { "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(120) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s == ns.t }}", "does not end" },
        { "{% set ns = namespace(s=[1], t=[1]) %}{% for i in range(120) %}{% set ns.s = [ns.s, ns.s] %}{% set ns.t = [ns.t, ns.t] %}{% endfor %}{{ ns.s < ns.t }}", "does not end" },
        { "{% set ns = namespace(s=(1,)) %}{% for i in range(120) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ {ns.s: 1} }}", "does not end" },
        { "{% set ns = namespace(s=(1,)) %}{% for i in range(120) %}{% set ns.s = (ns.s, ns.s) %}{% endfor %}{{ [ns.s]|unique|list }}", "does not end" },
        { "{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}", "inside each other" },
        { "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}", "recursion depth" },
        { "{% set ns = namespace() %}{% set ns.a = [ns] %}{{ ns.a }}", "recursion depth" },
        { "{{ 'x' * 99999999999 }}", "repeats" },
        { "{{ [1] * 99999999 }}", "repeats" },
        { "{{ [1] * 9999999 * 6 }}", "does not end" },
        { "{{ 'x'.ljust(99999999999) }}", "characters" },
        { "{{ 'x'.zfill(99999999999) }}", "characters" },
        { "{{ 'x'|center(99999999999) }}", "characters" },
        { "{{ '\t'.expandtabs(99999999999) }}", "characters" },
        { "{{ 'a\nb'|indent(99999999999) }}", "repeats" },
        { "{{ 'a\nb'|indent('x' * 9999999) ~ ('a\n' * 99999)|indent('x' * 9999) }}", "characters|does not end" },
        { "{{ '%999999999d' % 1 }}", "characters" },
        { "{{ '%.999999999f' % 1 }}", "characters" },
        { "{{ '%*d' % (999999999, 1) }}", "wants int" },
        { "{{ '{:999999999}'.format(1) }}", "characters" },
        { "{{ '{:.999999999f}'.format(1.5) }}", "characters" },
        { "{{ '{:99999999999}'.format(1) }}", "Too many decimal digits" },
        { "{{ {'a': 1}|tojson(indent=999999999) }}", "characters" },
        { "{{ 10 ** 100000 }}", "4,300 digits" },
        { "{% set ns = namespace(n=10) %}{% for i in range(99) %}{% set ns.n = ns.n * ns.n %}{% endfor %}", "4,300 digits" },
        { "{{ 9 ** 99999999999999999999 }}", "4,300 digits" },
        { "{{ range(99999999999999999999) }}", "Range too big" },
        { "{{ range(99999)|list|length * range(99999)|map('string')|join|length }}{% for i in range(99999) %}{{ range(99999)|sum }}{% endfor %}", "does not end" },
        { "{% for i in range(99999) %}{{ 'é' * 99999 }}{% endfor %}", "characters" },
        { "{% for i in range(99999) %}{{ ('é' * 99999)|upper|length }}{% endfor %}", "does not end" },
        { "{% for i in range(99999) %}{{ range(50000)|sort|first }}{% endfor %}", "does not end" },
        { "{% for i in range(99999) %}{{ 'ab' in 'a' * 999999 }}{% endfor %}", "does not end" },
        { "{% for x in [1]|batch(99999999999, 0) %}{% endfor %}", "does not end" },
        { "{% for x in [1]|slice(99999999999, 0) %}{% endfor %}", "does not end" },
    };

    [Theory]
    [MemberData(nameof(TooMuch))]
    public void A_template_that_does_too_much_is_stopped(string source, string words)
    {
        InputException fault = Assert.Throws<InputException>(() => Template.Parse("\n\n" + source, "evil").Render(s_nothing));
        Assert.StartsWith("evil, line 3: ", fault.Message, StringComparison.Ordinal);
        Assert.Contains(words.Split('|'), w => fault.Message.Contains(w, StringComparison.Ordinal));
        Assert.DoesNotContain(fault.Message, static c => char.IsControl(c));
    }

    /// <summary>What is opened very often.</summary>
    public static TheoryData<string, string> TooDeep => new()
    {
        { "{{ " + Times("(") + "1" + Times(")") + " }}", "too deep" },
        { "{{ " + Times("[") + "1" + Times("]") + " }}", "too deep" },
        { "{{ " + Times("{1:") + "1" + Times("}") + " }}", "too deep" },
        { "{{ " + Times("(") + " }}", "too deep|unexpected" },
        { "{{ " + Times("-") + "1 }}", "too deep" },
        { "{{ " + Times("not ") + "1 }}", "too deep" },
        { "{{ 1" + Times("+1") + " }}", "too deep" },
        { "{{ 1" + Times("**1") + " }}", "too deep" },
        { "{{ 1" + Times(" and 1") + " }}", "too deep" },
        { "{{ 1" + Times(" if 1 else 1") + " }}", "too deep" },
        { "{{ 1" + Times(" if 1") + " }}", "too deep" },
        { "{{ x" + Times(".a") + " }}", "too deep" },
        { "{{ x" + Times("[0]") + " }}", "too deep" },
        { "{{ x" + Times("[x") + Times("]") + " }}", "too deep" },
        { "{{ x" + Times("()") + " }}", "too deep" },
        { "{{ x" + Times("(x") + Times(")") + " }}", "too deep" },
        { "{{ x" + Times("|e") + " }}", "too deep" },
        { "{{ x" + Times("|d(x") + Times(")") + " }}", "too deep" },
        { "{{ x" + Times(" is eq(x") + Times(")") + " }}", "too deep" },
        { "{% set " + Times("(") + "a" + Times(")") + " = 1 %}", "too deep" },
        { Times("{% if 1 %}") + Times("{% endif %}"), "too deep" },
        { Times("{% for x in y %}") + Times("{% endfor %}"), "too deep" },
        { Times("{% macro m() %}") + Times("{% endmacro %}"), "too deep" },
        { Times("{% call m() %}") + Times("{% endcall %}"), "too deep" },
        { Times("{% filter e %}"), "too deep" },
        { Times("{% set a %}"), "too deep" },
        { Times("{% with %}"), "too deep" },
        { Times("{% generation %}"), "too deep" },
    };

    [Theory]
    [MemberData(nameof(TooDeep))]
    public void What_lies_too_deep_inside_each_other_is_refused(string source, string words)
    {
        InputException? fault = null;

        // Servers' threads have less stack than the first one.
        var thread = new Thread(() => fault = Assert.Throws<InputException>(() => Template.Parse(source, "deep").Render(s_nothing)), maxStackSize: 1 << 20);
        thread.Start();
        thread.Join();
        Assert.NotNull(fault);
        Assert.Contains(words.Split('|'), w => fault.Message.Contains(w, StringComparison.Ordinal));
    }

    [Fact]
    public void As_much_as_is_allowed_fits_on_a_small_stack()
    {
        const int Calls = Limits.CallDepth - 1, Statements = Limits.StatementDepth - 2;
        string nested = string.Concat(Enumerable.Repeat("{% if true %}", Statements)), ends = string.Concat(Enumerable.Repeat("{% endif %}", Statements));
        string source = $"{{% macro m(n) %}}{nested}{{% if n > 0 %}}{{{{ m(n - 1{string.Concat(Enumerable.Repeat("+0", Limits.ExpressionDepth - 20))}) }}}}{{% endif %}}{ends}x{{% endmacro %}}{{{{ m({Calls - 1}) }}}}";
        string outcome = "";
        var thread = new Thread(() => outcome = Outcome(source), maxStackSize: 1 << 20);
        thread.Start();
        thread.Join();
        Assert.True(outcome == new string('x', Calls) || outcome.Contains("calls inside each other", StringComparison.Ordinal), outcome);
        Assert.Equal(new string('x', Calls), Outcome(source));
    }

    [Fact]
    public void A_long_conversation_is_not_too_much()
    {
        var json = new StringBuilder("{\"add_generation_prompt\":true,\"messages\":[");
        for (int i = 0; i < 4000; i++)
        {
            string text = new('a', 900);
            json.Append($$"""{"role":"user","content":"{{text}}"},{"role":"assistant","content":"<think>\n{{text}}\n</think>\n\n{{text}}"},""");
        }

        using JsonDocument document = JsonDocument.Parse(json.Append("{\"role\":\"user\",\"content\":\"end\"}]}").ToString());
        var variables = (DictValue)JsonValues.Read("long", document.RootElement)!;
        foreach (string name in new[] { "qwen3", "qwen3.5", "qwen3-coder" })
        {
            Assert.InRange(TemplateVectors.Published(name).Render(variables).Length, 4000 * 1800, 4000 * 3000);
        }
    }

    [Fact]
    public void A_message_of_many_lines_becomes_one()
    {
        InputException fault = Assert.Throws<InputException>(() => Template.Parse("{{ raise_exception('a\\n\\x1b[31m\\tb' ~ 'x' * 99999) }}", "t").Render(s_nothing));
        Assert.StartsWith("t, line 1: TemplateError: a [31m bxx", fault.Message, StringComparison.Ordinal);
        Assert.InRange(fault.Message.Length, 800, 850);
    }

    [Fact]
    public void A_template_that_is_too_long_is_refused() =>
        Assert.Contains("expected at most", Assert.Throws<InputException>(() => Template.Parse(new string(' ', Limits.Source + 1), "long")).Message, StringComparison.Ordinal);

    [Fact]
    public void Errors_name_the_line()
    {
        Assert.Equal("! t, line 3: UndefinedError: 'x' is undefined", Outcome("a\n\n{{ x.y }}\n"));
        Assert.Equal("! t, line 2: TemplateSyntaxError: unexpected 'end of print statement'", Outcome("a\n{{ 1 + }}\n"));
        Assert.Equal("! t, line 4: UndefinedError: 'z' is undefined", Outcome("{% macro m() %}\n{{ 1 }}\n{% endmacro %}\n{{ m() ~ z.y }}"));
        Assert.Equal("! t, line 2: TemplateSyntaxError: Missing end of comment tag", Outcome("\n{# x"));
        Assert.Equal("! t, line 2: TemplateAssertionError: No filter named 'nope'.", Outcome("{{ 1 }}\n{{ 1|nope }}\n{{ 2 }}"));
    }

    [Fact]
    public void One_template_renders_on_several_threads()
    {
        var template = Template.Parse("{% set ns = namespace(n=0) %}{% for i in range(k) %}{% set ns.n = ns.n + i %}{% endfor %}{{ ns.n }}", "t");
        Parallel.For(0, 64, k =>
        {
            var variables = new DictValue([new("k", new System.Numerics.BigInteger(k))]);
            Assert.Equal($"{k * (k - 1) / 2}", template.Render(variables));
        });
    }

    private static string Times(string text) => string.Concat(Enumerable.Repeat(text, Many));

    private static string Outcome(string source)
    {
        try
        {
            return Template.Parse(source, "t").Render(s_nothing);
        }
        catch (InputException e)
        {
            return $"! {e.Message}";
        }
    }
}
