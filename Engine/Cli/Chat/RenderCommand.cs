using System.CommandLine;
using System.Text;
using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Cli.Chat;

/// <summary><c>lean render</c>: the prompt that a chat template makes of messages.</summary>
internal sealed class RenderCommand
{
    private readonly Argument<string> _messages = new("MESSAGES.json")
    {
        Description = "The template's variables, as an object with messages and, where wanted, tools, add_generation_prompt, enable_thinking and others; or a bare list of messages",
        CustomParser = static result => result.Tokens[0].Value,
    };

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string?> _template = ChatOptions.TemplateOption();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "render",
            "Prints the prompt that a chat template makes of messages, exactly: no line break is added at its end, and nothing that the file leaves out is filled in (without add_generation_prompt the answer does not begin) but the model's special tokens",
            "lean render --model DIR messages.json",
            "lean render --template chat_template.jinja messages.json")
        {
            _messages, _model, _template,
        };
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        string path = parsed.GetValue(_messages)!;
        DictValue variables = Variables(path, InputFile.Json(path, InputFile.Text(path)));
        string? template = parsed.GetValue(_template), model = parsed.GetValue(_model);
        ChatTemplate chat = template is not null
            ? ChatTemplate.FromFile(template, model is null ? null : ModelFolder.Find(model))
            : ChatTemplate.FromFolder(ModelFolder.Find(model));
        byte[] prompt = Encoding.UTF8.GetBytes(chat.Render(variables));
        using Stream output = Console.OpenStandardOutput();
        output.Write(prompt);
        output.Flush();
        return 0;
    }

    private static DictValue Variables(string path, JsonElement file) => JsonValues.Read(path, file) switch
    {
        DictValue variables => variables,
        ListValue messages => new DictValue([new("messages", messages)]),
        _ => throw new InputException($"{path}: expected an object with the template's variables, or a list of messages"),
    };
}
