using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>A list of requests that are known from the start, on an engine of their own that has no more caches than they can use.</summary>
internal sealed class GenerationBatch : IDisposable
{
    private readonly Sequence[] _sequences;

    /// <summary>Takes the requests and allocates what they will need, or as much of it as there is.</summary>
    /// <exception cref="InputException">A prompt is empty, too long, or holds an id outside the vocabulary; or a request is larger than the caches.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public GenerationBatch(IEngineSource source, IReadOnlyList<GenerationRequest> requests, EngineOptions options)
        : this(source.Config, source.Start, requests, options)
    {
    }

    /// <summary>The same for a model on one device.</summary>
    public GenerationBatch(DecoderModel model, KernelSet ops, IReadOnlyList<GenerationRequest> requests, EngineOptions options)
        : this(model.Config, o => new GenerationEngine(model, ops, o), requests, options)
    {
    }

    private GenerationBatch(ModelConfig config, Func<EngineOptions, GenerationEngine> start, IReadOnlyList<GenerationRequest> requests, EngineOptions options)
    {
        int running = int.Min(options.MaxSequences, requests.Count);
        for (int i = 0; i < requests.Count; i++)
        {
            PromptCheck.Check(requests[i], config, Subject(i, requests.Count));
        }

        // What the largest that can run together come to need; whoever is let in then never lacks a block.
        long blocks = requests.Select(r => (long)Blocks(r, config)).OrderDescending().Take(running).Sum();
        Engine = start(options with
        {
            MaxSequences = running,
            MaxQueue = requests.Count,
            MostBlocks = options.MostBlocks ?? blocks,
            KeepsPrefixes = options.KeepsPrefixes && requests.Count > 1,
        });
        try
        {
            _sequences = [.. requests.Select((r, i) => Engine.TrySubmit(r, new Place(this, i), out Sequence? s, Subject(i, requests.Count))
                ? s
                : throw new InvalidOperationException("an empty engine has no room to wait"))];
        }
        catch
        {
            Engine.Dispose();
            throw;
        }
    }

    /// <summary>The engine.</summary>
    public GenerationEngine Engine { get; }

    /// <summary>The sequences, in the order of the requests.</summary>
    public IReadOnlyList<Sequence> Sequences => _sequences;

    /// <summary>Steps run so far that computed prompt rows.</summary>
    public long PromptSteps => Engine.Statistics.PromptSteps;

    /// <summary>Steps run so far.</summary>
    public int Steps => Engine.Steps;

    /// <summary>Called with a sequence's index after each token chosen for it, when <see cref="Sequence.Finish"/> already tells whether it is the last.</summary>
    public Action<int>? TokenChosen { get; set; }

    /// <summary>Runs one step.</summary>
    /// <returns>False when every request has ended.</returns>
    public bool Step() => Engine.Step();

    /// <summary>Ends a sequence whose text holds a stop string; to be called from <see cref="TokenChosen"/>.</summary>
    public void StopAtText(int index) => GenerationEngine.StopAtText(_sequences[index]);

    public void Dispose() => Engine.Dispose();

    private static string Subject(int index, int count) => count == 1 ? PromptCheck.OnlyPrompt : $"prompt {index + 1} of {count}";

    private static int Blocks(GenerationRequest request, ModelConfig config) => Grid.CellsFor((int)long.Min(
        long.Max(request.Prompt.Count, (long)request.Prompt.Count + request.MaxTokens - 1), config.MaxPositions));

    private sealed class Place(GenerationBatch batch, int index) : ISequenceListener
    {
        public void Chosen(Sequence sequence) => batch.TokenChosen?.Invoke(index);

        public void Ended(Sequence sequence)
        {
        }
    }
}
