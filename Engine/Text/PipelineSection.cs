using System.Text.Json;

namespace Lean.Engine.Text;

/// <summary>What a tokenizer.json does to text around its model: "normalizer", "pre_tokenizer", "decoder".</summary>
/// <param name="Normalizes">True if text is composed (NFC) first.</param>
/// <param name="Steps">How the text is cut into the pieces that the model sees, one step after the other.</param>
internal sealed record PipelineSection(bool Normalizes, SplitStep[] Steps)
{
    internal static PipelineSection Read(Dictionary<string, JsonElement> sections, JsonPlace root)
    {
        bool normalizes = ReadNormalizer(sections.GetValueOrDefault("normalizer"), root.Member("normalizer"));
        JsonPlace place = root.Member("pre_tokenizer");
        var steps = new List<SplitStep>();
        ReadSteps(sections.GetValueOrDefault("pre_tokenizer"), place, steps, out bool endsInBytes);
        if (!endsInBytes)
        {
            throw place.Refuse("ByteLevel, alone or as the last of a Sequence", "none", "only byte-level tokenizers are supported");
        }

        RequireByteLevel(sections.GetValueOrDefault("decoder"), root.Member("decoder"), optional: false, "decoders");

        // A byte-level post-processor only trims offsets. Others put tokens around the text, which is the chat template's part.
        RequireByteLevel(sections.GetValueOrDefault("post_processor"), root.Member("post_processor"), optional: true, "processors");
        return new PipelineSection(normalizes, [.. steps]);
    }

    private static bool ReadNormalizer(JsonElement value, JsonPlace place)
    {
        if (IsAbsent(value))
        {
            return false;
        }

        string type = TypeOf(value, place);
        if (type == "NFC")
        {
            return true;
        }

        if (type != "Sequence")
        {
            throw place.Refuse("null, NFC or a Sequence of NFC", type, "other normalizers are not supported");
        }

        bool normalizes = false;
        int index = 0;
        JsonPlace list = place.Member("normalizers");
        foreach (JsonElement item in Items(value, list))
        {
            normalizes |= ReadNormalizer(item, list.Item(index++));
        }

        return normalizes;
    }

    private static void ReadSteps(JsonElement value, JsonPlace place, List<SplitStep> steps, out bool endsInBytes)
    {
        endsInBytes = false;
        if (IsAbsent(value))
        {
            return;
        }

        string type = TypeOf(value, place);
        switch (type)
        {
            case "Sequence":
                int index = 0;
                JsonPlace list = place.Member("pretokenizers");
                foreach (JsonElement item in Items(value, list))
                {
                    JsonPlace here = list.Item(index++);
                    if (endsInBytes)
                    {
                        throw here.Refuse("nothing after ByteLevel", JsonPlace.Describe(item), "ByteLevel turns text into bytes and has to be last");
                    }

                    ReadSteps(item, here, steps, out endsInBytes);
                }

                break;
            case "Split":
                steps.Add(new SplitStep(ReadSplit(value, place), AddPrefixSpace: false));
                break;
            case "ByteLevel":
                bool splits = place.Flag(value, "use_regex", true);
                bool prefix = place.Flag(value, "add_prefix_space", null);
                if (splits || prefix)
                {
                    steps.Add(new SplitStep(splits ? Splitters.Gpt2 : null, prefix));
                }

                endsInBytes = true;
                break;
            default:
                throw place.Refuse("Split, ByteLevel or a Sequence of them", type, "other pre-tokenizers are not supported");
        }
    }

    private static ISplitter ReadSplit(JsonElement value, JsonPlace place)
    {
        string behavior = place.Text(value, "behavior");
        if (behavior != "Isolated")
        {
            throw place.Member("behavior").Refuse("\"Isolated\"", $"\"{JsonPlace.Shorten(behavior)}\"", "other behaviors are not supported");
        }

        if (place.Flag(value, "invert", false))
        {
            throw place.Member("invert").Refuse("false", "true", "inverted splits are not supported");
        }

        JsonPlace pattern = place.Member("pattern");
        return value.TryGetProperty("pattern", out JsonElement holder)
            && pattern.Object(holder).TryGetProperty("Regex", out JsonElement regex) && regex.ValueKind == JsonValueKind.String
            ? Splitters.For(regex.GetString()!, pattern.Member("Regex"))
            : throw pattern.Refuse("{\"Regex\": …}", JsonPlace.Describe(holder), "patterns of other kinds are not supported");
    }

    private static void RequireByteLevel(JsonElement value, JsonPlace place, bool optional, string members)
    {
        if (optional && IsAbsent(value))
        {
            return;
        }

        string type = IsAbsent(value) ? "nothing" : TypeOf(value, place);
        if (type == "Sequence")
        {
            int index = 0;
            JsonPlace list = place.Member(members);
            foreach (JsonElement item in Items(value, list))
            {
                RequireByteLevel(item, list.Item(index++), optional: false, members);
            }
        }
        else if (type != "ByteLevel")
        {
            throw place.Refuse("ByteLevel", type, "other kinds are not supported");
        }
    }

    private static bool IsAbsent(JsonElement value) => value.ValueKind is JsonValueKind.Undefined or JsonValueKind.Null;

    private static string TypeOf(JsonElement value, JsonPlace place) =>
        JsonPlace.Shorten(place.Text(place.Object(value), "type"));

    private static JsonElement.ArrayEnumerator Items(JsonElement value, JsonPlace list) =>
        list.Array(value.TryGetProperty(list.Path[(list.Path.LastIndexOf('.') + 1)..], out JsonElement items) ? items : default)
            .EnumerateArray();
}
