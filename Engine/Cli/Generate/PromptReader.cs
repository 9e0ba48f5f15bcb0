using System.Globalization;
using System.Text.Json;
using Lean.Engine.Cli.Chat;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli.Generate;

/// <summary>Turns what the command line gives into prompts.</summary>
/// <param name="folder">The model's folder.</param>
/// <param name="tokenizer">Its tokenizer, or null where the folder has none.</param>
/// <param name="chat">Makes prompts of what users say.</param>
/// <param name="grammars">Compiles schemas.</param>
internal sealed class PromptReader(string folder, Tokenizer? tokenizer, ChatPrompts chat, ModelGrammars grammars)
{
    /// <summary>Reads the prompts from the one place that names them.</summary>
    /// <param name="text">PROMPT.</param>
    /// <param name="ids">Each --prompt-ids.</param>
    /// <param name="file">--prompts.</param>
    /// <exception cref="InputException">There is no prompt, there are several places, or one cannot be read.</exception>
    public List<Prompt> Read(string? text, string[] ids, string? file)
    {
        int places = (text is null ? 0 : 1) + (ids.Length == 0 ? 0 : 1) + (file is null ? 0 : 1);
        if (places != 1)
        {
            throw new InputException(places == 0
                ? "there is no prompt: expected PROMPT, --prompt-ids or --prompts"
                : "PROMPT, --prompt-ids and --prompts exclude each other: expected one of them");
        }

        return text is not null ? [new Prompt(Encode(text))] : file is not null ? FromFile(file) : [.. ids.Select(FromIds)];
    }

    /// <summary>Token ids as an option lists them.</summary>
    /// <exception cref="InputException">They are none.</exception>
    public static int[] Ids(string option, string list) => [.. list.Split(',').Select(part =>
        int.TryParse(part, NumberStyles.AllowLeadingSign | NumberStyles.AllowLeadingWhite | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out int id)
            ? id
            : throw new InputException($"{option} is '{list}', expected token ids such as 1,2,3"))];

    private static Prompt FromIds(string list) => new(Ids("--prompt-ids", list));

    private List<Prompt> FromFile(string path)
    {
        var prompts = new List<Prompt>();
        string[] lines = InputFile.Text(path).Split('\n');
        for (int i = 0; i < lines.Length; i++)
        {
            if (!string.IsNullOrWhiteSpace(lines[i]))
            {
                prompts.Add(FromLine($"{path}, line {i + 1}", lines[i]));
            }
        }

        return prompts.Count > 0 ? prompts : throw new InputException($"{path} holds no prompts: expected one JSON object a line");
    }

    private Prompt FromLine(string place, string line)
    {
        JsonElement value = InputFile.Json(place, line);
        if (value.ValueKind != JsonValueKind.Object)
        {
            throw new InputException($"{place}: expected an object with \"prompt\" or \"prompt_ids\"");
        }

        bool hasText = value.TryGetProperty("prompt", out JsonElement text), hasIds = value.TryGetProperty("prompt_ids", out JsonElement ids);
        bool hasMessages = value.TryGetProperty("messages", out _);
        if ((hasText ? 1 : 0) + (hasIds ? 1 : 0) + (hasMessages ? 1 : 0) != 1)
        {
            string found = hasText || hasIds || hasMessages ? "several" : "none";
            throw new InputException($"{place}: expected one of \"prompt\", \"prompt_ids\" and \"messages\", found {found}");
        }

        int? limit = null;
        var sampling = new SamplingFields(place, grammars);
        var names = new HashSet<string>();
        foreach (JsonProperty property in value.EnumerateObject())
        {
            string name = InputFile.Name(place, property);
            if (!names.Add(name))
            {
                throw new InputException($"{place}: the field {name} stands there twice");
            }

            if (name == "max_tokens")
            {
                limit = MaxTokens(place, property.Value);
            }
            else if (name is not ("prompt" or "prompt_ids") && !sampling.TryRead(name, property.Value) && !hasMessages)
            {
                throw new InputException($"{place}: there is no field {name}; expected prompt or prompt_ids, max_tokens, and sampling parameters such as temperature");
            }
        }

        // Beside messages, what is no sampling parameter is the template's: tools, enable_thinking and others.
        int[] prompt = hasIds ? InputFile.Ids(place, ids) : hasMessages ? chat.Encode(place, value) : Encode(InputFile.String(place, text));
        return new Prompt(prompt, limit, sampling.Choice);
    }

    private static int? MaxTokens(string place, JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null => null,
        JsonValueKind.Number when value.TryGetInt32(out int number) && number >= 1 => number,
        _ => throw new InputException($"{place}: max_tokens is {value.GetRawText()}, expected a whole number of at least 1"),
    };

    // A prompt may be a rendered chat, so the text of a control token means the token.
    private int[] Encode(string text) => chat.TakesPrompts ? chat.Encode(text) : (tokenizer ?? Tokenizer.Load(folder)).Encode(text, SpecialTokens.Parse);
}
