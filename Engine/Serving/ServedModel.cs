using Lean.Engine.Chat;
using Lean.Engine.Chat.Answers;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Engine.Grammars;
using Lean.Engine.Models;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Text;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Serving;

/// <summary>A model with what turns requests into its tokens and back.</summary>
internal sealed class ServedModel
{
    private readonly ChatTemplate? _template;
    private readonly GrammarCache _grammars;

    /// <param name="folder">The model's folder.</param>
    /// <param name="names">What requests may call it; the first is its name.</param>
    /// <param name="template">A template of the user's, or null for the model's.</param>
    /// <exception cref="InputException">A file is missing, or cannot be read or used.</exception>
    public ServedModel(string folder, IReadOnlyList<string> names, string? template)
    {
        (Folder, Names) = (folder, names);
        Tokenizer = Tokenizer.Load(folder);
        Marks = MarksOf(Tokenizer);
        _grammars = new GrammarCache(Tokenizer, ModelConfigReader.Read(folder).Vocabulary);
        Defaults = GenerationDefaults.Read(folder);
        _template = template is not null ? ChatTemplate.FromFile(template, folder) : ChatTemplate.Find(folder);
        Calls = _template is null ? ToolCallFormat.None : ToolCallFormats.Of(_template);
    }

    /// <summary>The model's folder.</summary>
    public string Folder { get; }

    /// <summary>What requests may call it; the first is its name.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>Its name.</summary>
    public string Name => Names[0];

    /// <summary>Its tokenizer.</summary>
    public Tokenizer Tokenizer { get; }

    /// <summary>What it recommends for sampling.</summary>
    public GenerationDefaults Defaults { get; }

    /// <summary>How the template asks the model to call functions.</summary>
    public ToolCallFormat Calls { get; }

    /// <summary>The tokens that an answer is taken apart at, which some tokenizers call control tokens and some do not.</summary>
    public IReadOnlySet<int> Marks { get; }

    /// <summary>When it was loaded, as Unix time.</summary>
    public long Created { get; } = DateTimeOffset.UtcNow.ToUnixTimeSeconds();

    /// <summary>Checks that a request means this model.</summary>
    /// <exception cref="ApiException">It means another one.</exception>
    public void CheckName(string? name)
    {
        if (name is not null && !Names.Contains(name))
        {
            throw new ApiException(404, $"the model '{Short(name)}' does not exist, expected {string.Join(" or ", Names.Select(static n => $"'{n}'"))}", "model", "model_not_found");
        }
    }

    /// <summary>The prompt that the template makes of a chat.</summary>
    /// <exception cref="ApiException">There is no template, or it cannot do what was asked.</exception>
    public string Render(DictValue variables)
    {
        if (Calls == ToolCallFormat.None && variables.TryGet("tools", out object? tools) && tools is not null)
        {
            throw ApiException.Invalid("tools", $"tools are given, but the chat template of the model '{Name}' has no place for them");
        }

        if (_template is null)
        {
            throw new ApiException(400, $"the model '{Name}' has no chat template: /v1/completions takes prompts as they are", "messages");
        }

        try
        {
            return _template.Render(variables);
        }
        catch (InputException e)
        {
            throw new ApiException(400, e.Message, "messages", inner: e);
        }
    }

    /// <summary>Takes an answer apart.</summary>
    /// <param name="prompt">What it answers, as rendered.</param>
    /// <param name="tools">The tools it may call.</param>
    public AnswerParser Answer(string prompt, ToolSet tools)
    {
        ToolCallReader? calls = tools.IsOff ? null : Calls == ToolCallFormat.Xml ? new XmlCallReader(tools.Parameter) : new JsonCallReader();
        return new AnswerParser(Thinks(prompt), calls);
    }

    /// <summary>The options of an answer that has to look like something.</summary>
    /// <param name="options">The options.</param>
    /// <param name="format">What it has to look like.</param>
    /// <param name="tools">What it may or must call.</param>
    /// <param name="prompt">What it answers, as rendered.</param>
    /// <exception cref="ApiException">A schema is wrong, or holds what is not supported.</exception>
    public TextOptions Constrain(TextOptions options, AnswerFormat format, ToolSet tools, string prompt)
    {
        if (tools.Required.Count == 0)
        {
            return Constrain(options, format, prompt);
        }

        if (format.Kind != AnswerFormatKind.Text)
        {
            throw ApiException.Invalid("tool_choice", $"tool_choice asks for a call and {format.Path} for JSON, expected one of them");
        }

        ToolCallSyntax syntax = Calls == ToolCallFormat.Xml ? ToolCallSyntax.Xml : ToolCallSyntax.Json;
        return Constrain(options, "tools", () => _grammars.ToolCalls(tools.Required, syntax, tools.Many, Thinks(prompt)));
    }

    /// <summary>The options of a text that has to look like something.</summary>
    /// <param name="options">The options.</param>
    /// <param name="format">What it has to look like.</param>
    /// <param name="prompt">What it follows.</param>
    /// <exception cref="ApiException">A schema is wrong, or holds what is not supported.</exception>
    public TextOptions Constrain(TextOptions options, AnswerFormat format, string prompt) => Constrain(options, format.Path, () => format switch
    {
        { Kind: AnswerFormatKind.JsonObject } => _grammars.JsonObject(Thinks(prompt)),
        { Schema: { } schema } => _grammars.JsonSchema(schema, Thinks(prompt), format.Path),
        _ => null,
    });

    /// <summary>The requests that a text's options make of a prompt: one for each choice.</summary>
    /// <param name="prompt">The prompt's tokens.</param>
    /// <param name="field">Where the request has the prompt.</param>
    /// <param name="options">What is wanted.</param>
    /// <param name="host">What will run them.</param>
    /// <exception cref="ApiException">The prompt, or what is to follow it, is too long.</exception>
    public IReadOnlyList<GenerationRequest> Requests(int[] prompt, string field, TextOptions options, EngineHost host)
    {
        // Servers sample where nobody says otherwise, as OpenAI's and vLLM's do.
        SamplingParameters sampling = (options.Sampling with { Temperature = options.Sampling.Temperature ?? Defaults.Temperature ?? 1 }).Resolve(Defaults);
        int most = MaxTokens(prompt.Length, field, options, host);
        var requests = new GenerationRequest[options.Choices];
        for (int i = 0; i < requests.Length; i++)
        {
            requests[i] = new GenerationRequest
            {
                Prompt = prompt,
                MaxTokens = most,
                IgnoreEndOfSequence = options.Sampling.IgnoreEndOfSequence ?? false,
                Priority = -options.Priority,
                Speculate = options.Speculate is { Adapts: false } fixedDepth ? fixedDepth.Most : null,
                AdaptsDepth = options.Speculate is { Adapts: true },
                Drafter = options.Drafter,

                // Choices of one seed would all be the same.
                Sampling = i == 0 ? sampling : sampling with { Seed = unchecked(sampling.Seed + i) },
            };
        }

        try
        {
            PromptCheck.Check(requests[0], host.Config);
        }
        catch (InputException e)
        {
            throw new ApiException(400, e.Message, ErrorField.Of(e.Message) ?? field, inner: e);
        }

        return requests;
    }

    private static TextOptions Constrain(TextOptions options, string field, Func<Grammar?> compile)
    {
        try
        {
            return compile() is { } grammar ? options with { Sampling = options.Sampling with { Grammar = grammar } } : options;
        }
        catch (InputException e)
        {
            throw new ApiException(400, e.Message, field, inner: e);
        }
    }

    // Templates that let the model think begin its thoughts for it.
    private static bool Thinks(string prompt) => prompt.AsSpan().TrimEnd().EndsWith("<think>", StringComparison.Ordinal);

    private static HashSet<int> MarksOf(Tokenizer tokenizer)
    {
        var ids = new HashSet<int>();
        foreach (string mark in (string[])["<think>", "</think>", "<tool_call>", "</tool_call>"])
        {
            if (tokenizer.TryGetId(mark, out int id))
            {
                ids.Add(id);
            }
        }

        return ids;
    }

    private static int MaxTokens(int prompt, string field, TextOptions options, EngineHost host)
    {
        int positions = host.Config.MaxPositions;
        if (prompt >= positions || (options.MaxTokens is { } wanted && (long)prompt + wanted > positions))
        {
            bool tooLong = prompt >= positions;
            string asked = options.MaxTokens is { } tokens && !tooLong ? $", and {options.MaxTokensField} is {tokens:N0}" : "";
            throw ApiException.Invalid(
                tooLong ? field : options.MaxTokensField,
                $"the prompt has {prompt:N0} tokens{asked}: the model's context of {positions:N0} tokens has to hold both the prompt and the answer",
                "context_length_exceeded");
        }

        long room = long.Min(positions, ((long)host.Caches.Blocks * Grid.Cell) + 1);
        return options.MaxTokens ?? (int)long.Max(1, room - prompt);
    }

    private static string Short(string name)
    {
        const int Most = 80;
        return name.Length <= Most ? name : $"{name[..Most]}…";
    }
}
