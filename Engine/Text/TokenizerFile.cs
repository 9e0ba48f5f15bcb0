using System.Text.Json;
using Lean.Tensors;

namespace Lean.Engine.Text;

/// <summary>
/// A tokenizer.json in the format of Hugging Face's tokenizers, read and checked. The file is not trusted: whatever in
/// it cannot be used ends in an <see cref="InputException"/> that names the place.
/// </summary>
/// <param name="Model">The vocabulary and its merges.</param>
/// <param name="AddedTokens">Tokens found in the text itself.</param>
/// <param name="Pipeline">What happens to text before the model sees it.</param>
/// <param name="Place">The file, for later errors.</param>
internal sealed record TokenizerFile(
    ModelSection Model, List<AddedToken> AddedTokens, PipelineSection Pipeline, JsonPlace Place)
{
    internal const string Name = "tokenizer.json";

    /// <summary>Ten times the largest published file.</summary>
    private const int LargestFile = 256 << 20;

    internal static TokenizerFile Read(string directory)
    {
        string path = Path.Combine(directory, Name);
        byte[] bytes = BoundedFile.Read(path, LargestFile);
        try
        {
            return Parse(bytes, new JsonPlace(path, ""));
        }
        catch (JsonException error)
        {
            throw new InputException($"{path}: expected JSON, found something else at line {error.LineNumber + 1}, byte {error.BytePositionInLine + 1}", error);
        }
        catch (InvalidOperationException error)
        {
            // How the JSON reader says that a string holds half a surrogate pair or bytes that are not UTF-8.
            throw new InputException($"{path}: expected JSON in valid Unicode, found a string that is not", error);
        }
    }

    private static TokenizerFile Parse(ReadOnlySpan<byte> json, JsonPlace place)
    {
        if (json.StartsWith("\uFEFF"u8))
        {
            json = json[3..];
        }

        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw place.Refuse("an object", ModelSection.Describe(ref reader));
        }

        ModelSection? model = null;
        var sections = new Dictionary<string, JsonElement>();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString()!;
            reader.Read();
            if (name == "model")
            {
                model = ModelSection.Read(ref reader, json, place.Member(name));
            }
            else
            {
                // "truncation" and "padding" are read over: they are about batches for training, and the engine bounds prompts itself.
                sections[name] = JsonElement.ParseValue(ref reader);
            }
        }

        // Reads on to the end, where anything but white space is an error.
        reader.Read();
        JsonPlace added = place.Member("added_tokens");
        return new TokenizerFile(
            model ?? throw place.Member("model").Refuse("an object", "nothing"),
            AddedToken.ReadAll(sections.GetValueOrDefault("added_tokens"), added),
            PipelineSection.Read(sections, place),
            place);
    }
}
