using System.CommandLine;
using Lean.Engine.Cli.Chat;
using Lean.Engine.Ranks;
using Lean.Engine.Running;
using Lean.Engine.Sampling;
using Lean.Engine.Text;

namespace Lean.Engine.Cli.Generate;

/// <summary><c>lean generate</c>: continues prompts.</summary>
internal sealed class GenerateCommand
{
    private const int Most = 1 << 20;
    private const int Terminated = 128 + 15;

    private readonly Argument<string?> _prompt = new("PROMPT")
    {
        Description = "The text to continue; the text of a control token (<|im_end|>) means the token",
        Arity = ArgumentArity.ZeroOrOne,
        CustomParser = static result => result.Tokens.Count > 0 ? result.Tokens[0].Value : null,
    };

    private readonly Option<string?> _model = Options.Model();
    private readonly Option<string[]> _promptIds = Options.Texts("--prompt-ids", "1,2,3", "A prompt as token ids; repeat it for several prompts");
    private readonly Option<string?> _prompts = Options.Text(
        "--prompts", "FILE.jsonl", "Prompts, one {\"prompt\": …}, {\"prompt_ids\": […]} or {\"messages\": […]} a line, each with its own \"max_tokens\" and sampling parameters (\"temperature\", \"top_p\", \"seed\", \"stop\", …) if it likes");

    private readonly Option<int> _maxTokens = Options.Number("--max-tokens", 1, int.MaxValue, 128, "The most tokens to generate");
    private readonly Option<bool> _ignoreEnd = Options.Flag("--ignore-eos", "Go on after an end-of-sequence token");
    private readonly Option<string?> _device = Options.Device();
    private readonly Option<string?> _activations = Options.Activations();
    private readonly Option<bool> _json = Options.Json("Print one JSON object on one line, at the end");
    private readonly Option<int?> _maxStepTokens = Options.MaxStepTokens();

    private readonly Option<int> _maxSequences = Options.Number("--max-sequences", 1, Most, 64, "Prompts that run at a time; others wait");
    private readonly Option<string?> _cacheMemory = Options.CacheMemory();
    private readonly Option<Speculation> _speculate = Options.Speculate();
    private readonly Option<string?> _drafter = Options.Drafter();
    private readonly Option<bool> _reuseGenerated = Options.ReuseGenerated();
    private readonly SamplingOptions _sampling = new();
    private readonly ChatOptions _chat = new();
    private readonly LayoutOptions _layout = new();

    /// <summary>The command.</summary>
    public Command Build()
    {
        var command = new ExampleCommand(
            "generate",
            "Continues a prompt, with the most likely tokens unless sampling is asked for, and prints the text as it comes; several prompts run as one batch and give a JSON line each, in order; without a prompt, on a terminal, it chats",
            "lean generate \"ROMEO:\" --max-tokens 64",
            "lean generate --chat \"Who is there?\"",
            "lean generate \"ROMEO:\" --temperature 0.7 --top-p 0.9 --seed 1 --stop \"JULIET:\"",
            "lean generate \"A person:\" --json-schema person.json",
            "lean generate --model DIR --prompt-ids 1,2,3 --prompt-ids 4,5 --json",
            "lean generate --model DIR --prompts prompts.jsonl > answers.jsonl",
            "lean generate --model DIR --tp 2 --dp 2 --ep --prompts prompts.jsonl",
            "mpirun -n 4 lean generate \"ROMEO:\" --tp 4")
        {
            _prompt, _model, _promptIds, _prompts, _maxTokens, _ignoreEnd, _device, _activations, _json, _maxStepTokens, _maxSequences, _speculate, _drafter, _cacheMemory,
            _reuseGenerated,
        };
        _sampling.AddTo(command);
        _chat.AddTo(command);
        _layout.AddTo(command);
        command.SetAction(Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        RankOptions ranks = _layout.Read(parsed, parsed.GetValue(_device)) with { Activations = Options.ReadActivations(parsed, _activations) };
        string folder = ModelFolder.Find(parsed.GetValue(_model));
        if (ranks.IsMember)
        {
            RankMember.Run(folder, ranks);
            return 0;
        }

        Tokenizer? tokenizer = Path.Exists(Path.Combine(folder, TokenizerFile.Name)) ? Tokenizer.Load(folder) : null;
        ChatPrompts chat = _chat.Read(
            parsed, folder, tokenizer, parsed.GetValue(_prompt) is not null, parsed.GetValue(_promptIds) is { Length: > 0 });
        var options = new EngineOptions
        {
            MaxStepTokens = parsed.GetValue(_maxStepTokens),
            MaxSequences = parsed.GetValue(_maxSequences),
            Speculate = parsed.GetValue(_speculate).Most,
            AdaptsDepth = parsed.GetValue(_speculate).Adapts,
            Drafter = Options.ReadDrafter(parsed, _drafter),
            KeepsGenerated = parsed.GetValue(_reuseGenerated),
            CacheMemory = parsed.GetValue(_cacheMemory) is { } size ? ByteSize.Parse(_cacheMemory.Name, size) : null,
        };
        var grammars = new ModelGrammars(folder, tokenizer);
        SamplingChoice given = _sampling.Read(parsed, grammars) with { IgnoreEndOfSequence = parsed.GetValue(_ignoreEnd) };
        if (tokenizer is not null && IsChat(parsed) && chat.HasTemplate())
        {
            return Chat(parsed, chat, folder, tokenizer, options, given, ranks);
        }

        List<Prompt> prompts = new PromptReader(folder, tokenizer, chat, grammars).Read(
            parsed.GetValue(_prompt), parsed.GetValue(_promptIds) ?? [], parsed.GetValue(_prompts));
        List<GenerationRequest> requests = Requests(prompts, parsed, given, GenerationDefaults.Read(folder));
        using IEngineSource model = ModelFolder.Open(folder, parsed.GetValue(_device), ranks);
        using var run = new GenerationRun(model, requests, options, tokenizer);
        ModelFolder.ShowRanks(model, ranks);
        CacheLine.Show(run.Engine, options.KeepsGenerated);
        CancellationToken stop = (model as RankedModel)?.Terminated ?? CancellationToken.None;
        var report = new GenerationReport(model, run, tokenizer);
        if (requests.Count == 1 && !parsed.GetValue(_json))
        {
            using var stream = new TextStream(run.Text(0));
            run.Complete(_ => stream.Append(run.Sequences[0]), stop);
            stream.End();
        }
        else
        {
            run.Complete(chosen: null, stop);
            for (int i = 0; i < requests.Count && !stop.IsCancellationRequested; i++)
            {
                report.Print(i);
            }
        }

        report.ThrowFaults();
        return stop.IsCancellationRequested ? Terminated : 0;
    }

    // Without a prompt, somebody at a terminal wants to talk.
    private bool IsChat(ParseResult parsed) =>
        parsed.GetValue(_prompt) is null && parsed.GetValue(_promptIds) is not { Length: > 0 } && parsed.GetValue(_prompts) is null
        && !parsed.GetValue(_json) && !Console.IsInputRedirected && !Console.IsOutputRedirected;

    private int Chat(ParseResult parsed, ChatPrompts chat, string folder, Tokenizer tokenizer, EngineOptions options, SamplingChoice given, RankOptions ranks)
    {
        var defaults = GenerationDefaults.Read(folder);
        using IEngineSource model = ModelFolder.Open(folder, parsed.GetValue(_device), ranks);
        ModelFolder.ShowRanks(model, ranks);
        using var turns = new ChatTurns(model, tokenizer, options, ids => Requests([new Prompt(ids)], parsed, given, defaults)[0]);
        turns.Listen();
        new ChatSession(chat, Console.In, Console.Out).Run(turns.Answer);
        return 0;
    }

    private List<GenerationRequest> Requests(List<Prompt> prompts, ParseResult parsed, SamplingChoice given, GenerationDefaults defaults) =>
        [.. prompts.Select(p =>
        {
            SamplingChoice choice = p.Sampling?.Over(given) ?? given;
            return new GenerationRequest
            {
                Prompt = p.Ids,
                MaxTokens = p.MaxTokens ?? parsed.GetValue(_maxTokens),
                IgnoreEndOfSequence = choice.IgnoreEndOfSequence ?? false,
                Sampling = choice.Resolve(defaults),
            };
        })];
}
