using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Tests.Chat;

/// <summary>What Jinja2 made of templates, and what Lean makes of them.</summary>
internal static class TemplateVectors
{
    /// <summary>The moment at which the vectors were made.</summary>
    private static readonly TimeProvider s_clock = new Then();

    /// <summary>A JSON file of vectors.</summary>
    internal static JsonElement Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(TestData.Path($"chat/{name}")), new JsonDocumentOptions { MaxDepth = 100 });
        return document.RootElement.Clone();
    }

    /// <summary>A published template.</summary>
    internal static Template Published(string name) => Template.Parse(File.ReadAllText(TestData.Path($"chat/{name}.jinja")), name);

    /// <summary>The text, or the error without its place.</summary>
    internal static string Outcome(Func<Template> template, JsonElement variables)
    {
        try
        {
            return template().Render((DictValue)JsonValues.Read("variables", variables)!, s_clock);
        }
        catch (InputException e)
        {
            return $"! {e.InnerException!.Message}";
        }
    }

    /// <summary>What a vector says should come out.</summary>
    internal static string Expected(JsonElement vector) =>
        vector.TryGetProperty("rendered", out JsonElement text) ? text.GetString()! : $"! {vector.GetProperty("error").GetString()}";

    private sealed class Then : TimeProvider
    {
        public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

        public override DateTimeOffset GetUtcNow() => new(2026, 11, 3, 7, 5, 9, TimeSpan.Zero);
    }
}
