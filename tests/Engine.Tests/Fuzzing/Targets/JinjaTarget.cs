using System.Text;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Tests.Chat;

namespace Lean.Engine.Tests.Fuzzing.Targets;

/// <summary>Chat templates, read and rendered for a conversation with tools.</summary>
internal sealed class JinjaTarget : FuzzTarget
{
    private readonly DictValue _variables = (DictValue)JsonValues.Read(
        "conversation", TemplateVectors.Read("conversations.json").EnumerateArray().First(static c => c.GetProperty("name").GetString() == "multi-step/tools-all").GetProperty("input"))!;

    public override string Name => "jinja";

    // A template may make text and lists until its steps are used up.
    public override long AllocationLimit => 4L << 30;

    public override IReadOnlyList<byte[]> Seeds { get; } =
    [
        .. new[] { "qwen3", "qwen3.5", "qwen3-coder" }.Select(static n => File.ReadAllBytes(TestData.Path($"chat/{n}.jinja"))),
        "{% macro m(a, b=2) %}{{ a }}{{ caller() if caller }}{% endmacro %}{% for k, v in messages[0]|items if k %}{{ loop.index ~ m(v) }}{% else %}x{% endfor %}{% call m(1) %}y{% endcall %}"u8.ToArray(),
        "{% set ns = namespace(a=[1, 2.5, 'x', none]) %}{% for i in range(9) %}{% set ns.a = ns.a + [i * i] %}{% if i > 5 %}{% continue %}{% endif %}{{ ns.a[::-1]|join(',')|upper }}{% endfor %}"u8.ToArray(),
        "{{ '%5.2f|%s' % (1.5, messages) }}{{ '{:>9}{!r}'.format(1, 'a') }}{{ messages|tojson(indent=2)|length }}{{ messages|map(attribute='role')|unique|sort|list }}{% raw %}{{{% endraw %}"u8.ToArray(),
        "{%- if messages is defined and messages[0].role in ('user', 'system') -%} {# c #} {{- messages|groupby('role')|first }} {% endif +%}{% filter indent(2) %}a{% endfilter %}{% with a = {'b': 1} %}{{ a.b ** 2 // 3 % 4 }}{% endwith %}"u8.ToArray(),
    ];

    public override IReadOnlyList<string> Words { get; } =
    [
        "{{", "}}", "{%", "%}", "{#", "#}", "{%-", "-%}", "{% if x %}", "{% endif %}", "{% for x in messages %}", "{% endfor %}", "{% set x = ", "{% endset %}", "{% macro m(x) %}", "{% endmacro %}",
        "{% call m() %}", "{% endcall %}", "{% filter upper %}", "{% raw %}", "{% endraw %}", "{% break %}", "{% else %}", " recursive", "loop", "loop(messages)", ".items()", "|items", "|tojson", "|list", "|map('upper')",
        "|selectattr('role')", "|sort", "|groupby('role')", "|batch(2)", "|round(2)", "|int", "|format(1)", "|indent(", "|default(", " is defined", " is not none", " in ", " not in ", " and ", " or ", "not ", "[::-1]", "[1:]",
        "namespace()", "range(", "dict(", "cycler(", "raise_exception(", "'x' * ", "**", "//", "~", "%", "messages", "tools", ".role", ".content", ".split('", "('", "')", "*x", "**x", "none", "\\u00e9", "\"", "'",
    ];

    public override void Read(byte[] input)
    {
        var template = Template.Parse(Encoding.UTF8.GetString(input), "fuzzed");
        Assert.NotNull(template.Render(_variables));
    }
}
