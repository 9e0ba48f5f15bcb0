using System.Collections.Frozen;
using Lean.Engine.Chat.Jinja.Formatting;
using Lean.Engine.Chat.Jinja.Operations;
using Lean.Engine.Chat.Jinja.Values;

namespace Lean.Engine.Chat.Jinja.Methods;

/// <summary>The methods of Python's str.</summary>
internal static class StringMethods
{
    private delegate object? Body(Rendering run, string self, object?[] arguments);

    private static readonly FrozenDictionary<string, (Signature Signature, Body Body)> s_methods = new Dictionary<string, (Signature, Body)>
    {
        ["capitalize"] = Of("capitalize", static s => Casing.Capitalize(s)),
        ["casefold"] = Of("casefold", static s => Casing.Fold(s)),
        ["lower"] = Of("lower", static s => Casing.Lower(s)),
        ["upper"] = Of("upper", static s => Casing.Upper(s)),
        ["title"] = Of("title", static s => Casing.Title(s)),
        ["swapcase"] = Of("swapcase", static s => Casing.Swap(s)),
        ["isalnum"] = Of("isalnum", static s => Kinds.All(s, Kinds.IsAlphanumeric)),
        ["isalpha"] = Of("isalpha", static s => Kinds.All(s, Kinds.IsLetter)),
        ["isascii"] = Of("isascii", static s => System.Text.Ascii.IsValid(s)),
        ["isdecimal"] = Of("isdecimal", static s => Kinds.All(s, Kinds.IsDecimal)),
        ["isdigit"] = Of("isdigit", static s => Kinds.All(s, Kinds.IsDigit)),
        ["isnumeric"] = Of("isnumeric", static s => Kinds.All(s, Kinds.IsNumeric)),
        ["isspace"] = Of("isspace", static s => s.Length > 0 && s.All(Texts.IsSpace)),
        ["isidentifier"] = Of("isidentifier", static s => Kinds.IsIdentifier(s)),
        ["isprintable"] = Of("isprintable", static s => Kinds.IsPrintable(s)),
        ["islower"] = Of("islower", static s => Kinds.IsCased(s, lower: true)),
        ["isupper"] = Of("isupper", static s => Kinds.IsCased(s, lower: false)),
        ["istitle"] = Of("istitle", static s => Kinds.IsTitle(s)),
        ["strip"] = Of("strip", 0, static (_, s, a) => Strip(s, a[0], left: true, right: true), "chars"),
        ["lstrip"] = Of("lstrip", 0, static (_, s, a) => Strip(s, a[0], left: true, right: false), "chars"),
        ["rstrip"] = Of("rstrip", 0, static (_, s, a) => Strip(s, a[0], left: false, right: true), "chars"),
        ["startswith"] = Of("startswith", 1, static (_, s, a) => StringSearch.Matches("startswith", s, a), "prefix", "start", "end"),
        ["endswith"] = Of("endswith", 1, static (_, s, a) => StringSearch.Matches("endswith", s, a), "suffix", "start", "end"),
        ["find"] = Of("find", 1, static (_, s, a) => StringSearch.Find(s, a, last: false), "sub", "start", "end"),
        ["rfind"] = Of("rfind", 1, static (_, s, a) => StringSearch.Find(s, a, last: true), "sub", "start", "end"),
        ["index"] = Of("index", 1, static (_, s, a) => StringSearch.Index(s, a, last: false), "sub", "start", "end"),
        ["rindex"] = Of("rindex", 1, static (_, s, a) => StringSearch.Index(s, a, last: true), "sub", "start", "end"),
        ["count"] = Of("count", 1, static (_, s, a) => StringSearch.Count(s, a), "sub", "start", "end"),
        ["replace"] = Of("replace", 2, StringSearch.Replace, "old", "new", "count"),
        ["removeprefix"] = Of("removeprefix", 1, static (_, s, a) => StringSearch.Remove("removeprefix", s, a[0], front: true), "prefix"),
        ["removesuffix"] = Of("removesuffix", 1, static (_, s, a) => StringSearch.Remove("removesuffix", s, a[0], front: false), "suffix"),
        ["split"] = Of("split", 0, static (run, s, a) => Splitting.Split(run, s, a, last: false), "sep", "maxsplit"),
        ["rsplit"] = Of("rsplit", 0, static (run, s, a) => Splitting.Split(run, s, a, last: true), "sep", "maxsplit"),
        ["splitlines"] = Of("splitlines", 0, static (run, s, a) => Splitting.Lines(run, s, !Missing.Is(a[0]) && Comparison.Truth(a[0])), "keepends"),
        ["partition"] = Of("partition", 1, static (_, s, a) => Splitting.Partition(s, a[0], last: false), "sep"),
        ["rpartition"] = Of("rpartition", 1, static (_, s, a) => Splitting.Partition(s, a[0], last: true), "sep"),
        ["join"] = Of("join", 1, Splitting.Join, "iterable"),
        ["ljust"] = Of("ljust", 1, static (run, s, a) => Padding.Pad(run, s, a, '<'), "width", "fillchar"),
        ["rjust"] = Of("rjust", 1, static (run, s, a) => Padding.Pad(run, s, a, '>'), "width", "fillchar"),
        ["center"] = Of("center", 1, static (run, s, a) => Padding.Pad(run, s, a, '^'), "width", "fillchar"),
        ["zfill"] = Of("zfill", 1, static (_, s, a) => Padding.Zeros(s, a[0]), "width"),
        ["expandtabs"] = Of("expandtabs", 0, static (run, s, a) => Padding.Tabs(run, s, a[0]), "tabsize"),
        ["format_map"] = Of("format_map", 1, FormatMap, "mapping"),
        ["encode"] = Of("encode", 0, static (_, _, _) => throw Fault.Type("templates have no bytes: str.encode is not to be had"), "encoding", "errors"),
        ["translate"] = Of("translate", 1, static (_, _, _) => throw Fault.Type("str.translate is not to be had in templates"), "table"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // What marked-up text takes as it is; everything else it is given gets escaped first.
    private static readonly FrozenSet<string> s_plain = new[] { "split", "rsplit", "splitlines", "partition", "rpartition", "startswith", "endswith", "find", "rfind", "index", "rindex", "count" }
        .ToFrozenSet(StringComparer.Ordinal);

    /// <summary>A method, or <see cref="Missing"/>.</summary>
    public static object? Find(object? value, string name)
    {
        if (name == "format")
        {
            return new MethodValue(value, name, Format);
        }

        return s_methods.TryGetValue(name, out (Signature Signature, Body Body) method)
            ? new MethodValue(value, name, (run, self, arguments) => Call(run, self, name, method.Signature, method.Body, arguments))
            : Missing.Value;
    }

    /// <summary>The text of an argument.</summary>
    /// <exception cref="Lean.Tensors.InputException">It is no string.</exception>
    public static string Text(object? argument, string complaint) =>
        Types.TryText(argument, out string text) ? text : throw Fault.Type($"{complaint}, not {Types.Name(argument)}");

    private static object? Call(Rendering run, object? self, string name, Signature signature, Body body, Arguments arguments)
    {
        if (arguments.Named.Length > 0 && name is not ("split" or "rsplit" or "splitlines" or "expandtabs" or "encode"))
        {
            throw Fault.Type($"str.{name}() takes no keyword arguments");
        }

        object?[] bound = signature.Bind(arguments);
        if (self is not Markup markup)
        {
            run.Charge(((string)self!).Length / 2);
            return Made(run, body(run, (string)self, bound));
        }

        run.Charge(markup.Text.Length / 2);
        object?[] escaped = s_plain.Contains(name) ? bound : [.. bound.Select(b => Escape(run, b))];
        return Mark(Made(run, body(run, markup.Text, escaped)));
    }

    private static object? Made(Rendering run, object? value) => value is string text ? run.Made(text) : value;

    private static object? Mark(object? value) => value switch
    {
        string text => new Markup(text),
        SequenceValue sequence => sequence.With([.. sequence.Items.Select(Mark)]),
        _ => value,
    };

    private static object? Escape(Rendering run, object? value) => value switch
    {
        string text => run.Made(Markup.Escape(text)),
        SequenceValue sequence => new ListValue([.. sequence.Items.Select(i => Escape(run, i))]),
        _ => value,
    };

    private static string Strip(string text, object? characters, bool left, bool right) =>
        Missing.Is(characters) || characters is null ? Texts.Strip(text, left, right)
        : Types.TryText(characters, out string set) ? Texts.Strip(text, set, left, right)
        : throw Fault.Type($"{(left && right ? "strip" : left ? "lstrip" : "rstrip")} arg must be None or str");

    private static object Format(Rendering run, object? self, Arguments arguments)
    {
        _ = Types.TryText(self, out string format);
        if (self is not Markup)
        {
            return new BraceFormat(run, format, arguments).Run();
        }

        var escaped = new Arguments(
            [.. arguments.Positional.Select(p => Escape(run, p))],
            [.. arguments.Named.Select(n => new KeyValuePair<string, object?>(n.Key, Escape(run, n.Value)))]);
        return new Markup(new BraceFormat(run, format, escaped).Run());
    }

    private static string FormatMap(Rendering run, string format, object?[] arguments) => arguments[0] is DictValue dict
        ? new BraceFormat(run, format, new Arguments([], [.. dict.Entries.Where(static e => e.Key is string).Select(static e => new KeyValuePair<string, object?>((string)e.Key!, e.Value))])).Run()
        : throw Fault.Type($"'{Types.Name(arguments[0])}' object is not subscriptable");

    private static (Signature Signature, Body Body) Of(string name, Func<string, object?> body) => (new Signature(name, 0), (_, self, _) => body(self));

    private static (Signature Signature, Body Body) Of(string name, int required, Body body, params string[] parameters) => (new Signature(name, required, parameters), body);
}
