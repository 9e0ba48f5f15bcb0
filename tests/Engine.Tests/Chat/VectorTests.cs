using System.Text.Json;
using Lean.Engine.Chat.Jinja;

namespace Lean.Engine.Tests.Chat;

/// <summary>Against Jinja2 in the environment of transformers: Data/chat/make_vectors.py.</summary>
public sealed class VectorTests
{
    [Theory]
    [InlineData("qwen3")]
    [InlineData("qwen3.5")]
    [InlineData("qwen3-coder")]
    public void Published_templates_render_as_recorded(string name)
    {
        Template template = TemplateVectors.Published(name);
        List<string> differences = [];
        foreach (JsonElement vector in TemplateVectors.Read($"{name}.json").EnumerateArray())
        {
            Compare(differences, vector.GetProperty("name").GetString()!, vector, TemplateVectors.Outcome(() => template, vector.GetProperty("input")));
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    [Theory]
    [InlineData("qwen3")]
    [InlineData("qwen3.5")]
    [InlineData("qwen3-coder")]
    public void Published_templates_take_every_conversation_as_jinja_does(string name)
    {
        Template template = TemplateVectors.Published(name);
        List<string> differences = [];
        JsonElement vectors = TemplateVectors.Read("conversations.json");
        foreach (JsonElement vector in vectors.EnumerateArray())
        {
            Compare(
                differences, vector.GetProperty("name").GetString()!, vector.GetProperty("outcomes").GetProperty(name),
                TemplateVectors.Outcome(() => template, vector.GetProperty("input")));
        }

        Assert.Equal(200, vectors.GetArrayLength());
        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    [Fact]
    public void Small_templates_give_what_jinja_gives()
    {
        JsonElement vectors = TemplateVectors.Read("statements.json"), variables = vectors.GetProperty("variables");
        List<string> differences = [];
        foreach (JsonElement vector in vectors.GetProperty("cases").EnumerateArray())
        {
            string source = vector.GetProperty("template").GetString()!;
            Compare(differences, source, vector, TemplateVectors.Outcome(() => Template.Parse(source, "test"), variables));
        }

        Assert.True(differences.Count == 0, string.Join("\n", differences));
    }

    private static void Compare(List<string> differences, string name, JsonElement vector, string found)
    {
        // Of some errors only the kind is recorded.
        string expected = TemplateVectors.Expected(vector);
        bool kindOnly = vector.TryGetProperty("error", out JsonElement error) && !error.GetString()!.Contains(' ', StringComparison.Ordinal);
        if (kindOnly ? !found.StartsWith($"{expected}:", StringComparison.Ordinal) : expected != found)
        {
            differences.Add($"{name}: expected <{expected}>, found <{found}>");
        }
    }
}
