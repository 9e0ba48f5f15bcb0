using System.Text.Json;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Chat;

/// <summary>The special tokens that every template may name, as transformers gives them: bos_token, eos_token and others.</summary>
/// <param name="Values">The tokens' texts by name.</param>
internal sealed record SpecialTokenVariables(DictValue Values)
{
    private const string Suffix = "_token";

    /// <summary>No tokens.</summary>
    public static SpecialTokenVariables None { get; } = new(DictValue.Empty);

    /// <summary>What a tokenizer_config.json names: members that end in _token, and lists of further tokens.</summary>
    /// <exception cref="InputException">A token's text is not valid Unicode.</exception>
    public static SpecialTokenVariables Of(TokenizerConfig? config)
    {
        if (config is null)
        {
            return None;
        }

        List<KeyValuePair<object?, object?>> tokens = [];
        var place = new JsonPlace(config.Path, "");
        AddTokens(tokens, place, config.Root);
        if (config.Root.TryGetProperty("extra_special_tokens", out JsonElement extra) && extra.ValueKind == JsonValueKind.Object)
        {
            AddTokens(tokens, place.Member("extra_special_tokens"), extra);
        }

        if (config.Root.TryGetProperty("additional_special_tokens", out JsonElement more) && more.ValueKind == JsonValueKind.Array)
        {
            tokens.Add(new("additional_special_tokens", new ListValue([.. more.EnumerateArray().Select(t => Text(place, t)).OfType<string>()])));
        }

        return new(new DictValue(tokens));
    }

    private static void AddTokens(List<KeyValuePair<object?, object?>> tokens, JsonPlace place, JsonElement members)
    {
        foreach (JsonProperty member in members.EnumerateObject())
        {
            string name = Name(place, member);
            if (name.EndsWith(Suffix, StringComparison.Ordinal) && Text(place.Member(name), member.Value) is { } text)
            {
                tokens.Add(new(name, text));
            }
        }
    }

    private static string Name(JsonPlace place, JsonProperty member)
    {
        try
        {
            return member.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new InputException($"{place.File}: holds a name that is not valid Unicode", e);
        }
    }

    // A token is its text, or an object with the text and how to match it.
    private static string? Text(JsonPlace place, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => TokenizerConfig.Text(place, value),
        JsonValueKind.Object when value.TryGetProperty("content", out JsonElement content) && content.ValueKind == JsonValueKind.String =>
            TokenizerConfig.Text(place, content),
        _ => null,
    };
}
