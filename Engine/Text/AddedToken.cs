using System.Text.Json;

namespace Lean.Engine.Text;

/// <summary>A token that is found in the text itself before any splitting: a control token or a piece of markup.</summary>
/// <param name="Id">The token's id.</param>
/// <param name="Content">The text that stands for it.</param>
/// <param name="Special">A control token: decoding may leave it out, and a user's text must not contain it.</param>
/// <param name="SingleWord">Found only where no letter or digit touches it.</param>
/// <param name="StripLeft">Takes the white space before it along.</param>
/// <param name="StripRight">Takes the white space after it along.</param>
/// <param name="Normalized">Looked for, in its normal form, after normalisation instead of before.</param>
internal sealed record AddedToken(
    int Id, string Content, bool Special, bool SingleWord, bool StripLeft, bool StripRight, bool Normalized)
{
    /// <summary>
    /// Bounds the work per position of a text: a longer token could only be meant to make the search slow.
    /// </summary>
    private const int LongestContent = 1024;

    internal static List<AddedToken> ReadAll(JsonElement list, JsonPlace place)
    {
        var tokens = new List<AddedToken>();
        if (list.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null)
        {
            return tokens;
        }

        foreach (JsonElement item in place.Array(list).EnumerateArray())
        {
            JsonPlace here = place.Item(tokens.Count);
            AddedToken token = Read(here.Object(item), here);
            if (token.Content.Length > LongestContent)
            {
                throw here.Member("content").Refuse($"at most {LongestContent} characters", $"{token.Content.Length}");
            }

            tokens.Add(token);
        }

        return tokens;
    }

    private static AddedToken Read(JsonElement item, JsonPlace place)
    {
        JsonPlace idPlace = place.Member("id");
        if (!item.TryGetProperty("id", out JsonElement idValue) || idValue.ValueKind != JsonValueKind.Number
            || !idValue.TryGetInt32(out int id) || (uint)id > ModelSection.LargestId)
        {
            throw idPlace.Refuse($"an id from 0 to {ModelSection.LargestId}", JsonPlace.Describe(idValue));
        }

        bool special = place.Flag(item, "special", false);
        return new AddedToken(
            id,
            place.Text(item, "content"),
            special,
            place.Flag(item, "single_word", false),
            place.Flag(item, "lstrip", false),
            place.Flag(item, "rstrip", false),
            place.Flag(item, "normalized", !special));
    }
}
