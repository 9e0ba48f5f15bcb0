using System.CommandLine;
using System.Text.Json;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Cli;

/// <summary><c>lean tokenize</c>: text to token ids.</summary>
internal sealed class TokenizeCommand
{
    private readonly Argument<string?> _text = new("TEXT")
    {
        Description = "The text; the text of a control token (<|im_end|>) means the token",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = static result => result.Tokens.Count > 0 ? result.Tokens[0].Value : null,
    };

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _texts = Options.Text("--texts", "FILE.json", "A JSON list of texts; prints a list of lists");

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "tokenize",
            "Prints the token ids of a text as JSON; of the model's folder only tokenizer.json is read",
            "lean tokenize \"To be, or not to be\"",
            "lean tokenize --model DIR --texts texts.json")
        {
            _text, _model, _texts,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string? text = parsed.GetValue(_text), file = parsed.GetValue(_texts);
        if (text is null == file is null)
        {
            throw new InputException("tokenize needs a text: expected either TEXT or --texts FILE.json");
        }

        var tokenizer = Tokenizer.Load(ModelFolder.Find(parsed.GetValue(_model)));
        if (text is not null)
        {
            JsonLine.Print(json => json.Numbers(tokenizer.Encode(text, SpecialTokens.Parse)));
            return 0;
        }

        JsonElement list = InputFile.Json(file!, InputFile.Text(file!));
        if (list.ValueKind != JsonValueKind.Array)
        {
            throw new InputException($"{file}: expected a JSON list of texts");
        }

        string[] texts = [.. list.EnumerateArray().Select((t, i) => InputFile.String($"{file}, text {i + 1}", t))];
        JsonLine.Print(json =>
        {
            json.WriteStartArray();
            foreach (string one in texts)
            {
                json.Numbers(tokenizer.Encode(one, SpecialTokens.Parse));
            }

            json.WriteEndArray();
        });
        return 0;
    }
}
