namespace Lean.Engine.Grammars.Schemas;

/// <summary>
/// The values of <c>format</c> that are enforced, each as a pattern for the whole string. Where a format has rare forms,
/// fewer are written than it allows: what comes out is valid all the same.
/// </summary>
internal static class StringFormats
{
    // Years 1000 to 2999; 29 February in those divisible by four that end no century.
    private const string Date =
        @"([12]\d{3}-((0[13578]|1[02])-(0[1-9]|[12]\d|3[01])|(0[469]|11)-(0[1-9]|[12]\d|30)|02-(0[1-9]|1\d|2[0-8]))|[12]\d(0[48]|[2468][048]|[13579][26])-02-29)";

    private const string Time = @"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)";
    private const string Label = "[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?";
    private const string Host = $@"{Label}(\.{Label}){{0,4}}";
    private const string Byte = @"(25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)";
    private const string Group = "[0-9a-fA-F]{1,4}";
    private const string PathCharacter = "([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})";

    private static readonly Dictionary<string, string> Patterns = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = $"{Date}T{Time}",
        ["duration"] = @"P(\d{1,4}W|\d{1,4}D(T(\d{1,4}H(\d{1,4}M(\d{1,4}S)?)?|\d{1,4}M(\d{1,4}S)?|\d{1,4}S))?|T(\d{1,4}H(\d{1,4}M(\d{1,4}S)?)?|\d{1,4}M(\d{1,4}S)?|\d{1,4}S))",
        ["uuid"] = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
        ["email"] = $@"[A-Za-z0-9]{{1,24}}([._+-][A-Za-z0-9]{{1,24}})?@{Label}(\.{Label}){{0,2}}\.[A-Za-z]{{2,12}}",
        ["hostname"] = Host,
        ["ipv4"] = $@"{Byte}\.{Byte}\.{Byte}\.{Byte}",
        ["ipv6"] = $"({Group}:){{7}}{Group}|::|({Group}:){{1,6}}:{Group}|::({Group}:){{0,5}}{Group}",
        ["uri"] = $@"(https?|ftp)://{Host}(:[1-9]\d{{0,3}})?(/{PathCharacter}*)*(\?({PathCharacter}|[/?])*)?(#({PathCharacter}|[/?])*)?",
        ["json-pointer"] = "(/([^/~]|~[01])*)*",
    };

    /// <summary>Formats by name, for messages.</summary>
    public static string Names => string.Join(", ", Patterns.Keys);

    /// <summary>The pattern of a format.</summary>
    public static bool TryGet(string format, out string? pattern) => Patterns.TryGetValue(format, out pattern);
}
