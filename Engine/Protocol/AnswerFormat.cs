namespace Lean.Engine.Protocol;

/// <summary>What an answer has to look like, as response_format asks.</summary>
/// <param name="Kind">text, json_object or json_schema.</param>
internal sealed record AnswerFormat(string Kind)
{
    /// <summary>Any text.</summary>
    public static AnswerFormat Text { get; } = new("text");

    /// <summary>Reads a request's response_format.</summary>
    /// <exception cref="ApiException">It is none, or one that cannot be enforced.</exception>
    public static AnswerFormat Read(RequestObject body)
    {
        if (body.Object("response_format") is not { } format)
        {
            return Text;
        }

        string path = format.At("type");
        return format.Text("type") switch
        {
            "text" => Text,
            "json_object" or "json_schema" => throw ApiException.Invalid(path, $"{path} is {RequestObject.Shown(format.Element.GetProperty("type"))}, which is not in this version yet"),
            null => throw ApiException.Invalid(path, $"{path} is missing, expected text, json_object or json_schema"),
            _ => throw RequestObject.Wrong(path, format.Element.GetProperty("type"), "text, json_object or json_schema"),
        };
    }
}
