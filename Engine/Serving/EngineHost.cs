using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using Lean.Engine.Caches;
using Lean.Engine.Models;
using Lean.Engine.Protocol;
using Lean.Engine.Running;
using Lean.Engine.Telemetry;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Serving;

/// <summary>An engine with a thread of its own. Any thread may start and end generations.</summary>
internal sealed class EngineHost : IDisposable
{
    private readonly GenerationEngine _engine;
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Thread _thread;
    private long _lastFault;

    /// <param name="engine">The engine, which the host owns.</param>
    /// <param name="config">Its model.</param>
    public EngineHost(GenerationEngine engine, ModelConfig config)
    {
        (_engine, Config) = (engine, config);
        _thread = new Thread(Run) { Name = "engine", IsBackground = true };
    }

    /// <summary>The model.</summary>
    public ModelConfig Config { get; }

    /// <summary>How the memory for caches is shared out.</summary>
    public CachePlan Caches => _engine.Caches;

    /// <summary>Steps run so far.</summary>
    public int Steps => _engine.Steps;

    /// <summary>Sequences that have not ended.</summary>
    public int Open => _engine.Open;

    /// <summary>How many rows a step aims at, and why.</summary>
    public StepTokens StepTokens => _engine.StepTokens;

    /// <summary>Tokens of one choice that may wait for a client to take them; who lets more come is given up.</summary>
    public int MostUnread { get; init; } = 8192;

    /// <summary>When a request last ended in a fault, as a timestamp of the system's clock, or null.</summary>
    public long? LastFault => Volatile.Read(ref _lastFault) is var at and not 0 ? at : null;

    /// <summary>What is told of what it does, or null.</summary>
    public ServerMetrics? Metrics { get; init; }

    /// <summary>What traces call the model.</summary>
    public string ModelName { get; init; } = "";

    /// <summary>Ends when the engine does: well after it was told to, else in what it failed of.</summary>
    public Task Ended => _ended.Task;

    /// <summary>What the engine failed of, in a sentence, or null.</summary>
    public string? Failure => _engine.Failure;

    /// <summary>Makes an engine for a model, and what it tells of itself.</summary>
    /// <param name="model">The model, which stays its owner's.</param>
    /// <param name="options">Limits.</param>
    /// <param name="name">What traces call it.</param>
    /// <param name="mostUnread">Tokens of one choice that may wait for a client to take them.</param>
    /// <exception cref="InputException">The memory named for caches is too little.</exception>
    /// <exception cref="MachineException">There is not enough memory.</exception>
    public static EngineHost Create(IEngineSource model, EngineOptions options, string name = "", int mostUnread = 8192)
    {
        var metrics = new ServerMetrics();
        var engine = model.Start(options with { Observer = metrics });
        metrics.Blocks = engine.Caches.Blocks;
        metrics.Watch(engine.Drafts, engine.Caches.Drafts);
        metrics.Tell(model.Loaded.Ops.Activations.Name());
        return new EngineHost(engine, model.Config) { Metrics = metrics, ModelName = name, MostUnread = mostUnread };
    }

    /// <summary>Begins to run steps.</summary>
    public void Start() => _thread.Start();

    /// <summary>Starts the choices of a request: all of them, or none.</summary>
    /// <param name="requests">A request for each choice.</param>
    /// <param name="tokenizer">Decodes them.</param>
    /// <param name="skipSpecial">Whether control tokens are left out of the text.</param>
    /// <param name="kept">Control tokens that stay in it all the same, or null for none.</param>
    /// <returns>The choices under way.</returns>
    /// <exception cref="InputException">A request can never run.</exception>
    /// <exception cref="ApiException">There is no room to wait, or the engine has ended.</exception>
    [SuppressMessage("Reliability", "CA2000:Dispose objects before losing scope", Justification = "Returned to who disposes of it.")]
    public Generation Start(IReadOnlyList<GenerationRequest> requests, Tokenizer tokenizer, bool skipSpecial, IReadOnlySet<int>? kept = null)
    {
        Activity? activity = Tracing.Source.StartActivity("generate");
        activity?.SetTag("gen_ai.operation.name", "generate").SetTag("gen_ai.request.model", ModelName)
            .SetTag("gen_ai.request.choice.count", requests.Count).SetTag("gen_ai.usage.input_tokens", requests[0].Prompt.Count);
        var generation = new Generation(this, requests.Count, activity);
        try
        {
            for (int i = 0; i < requests.Count; i++)
            {
                GenerationRequest request = requests[i];
                var text = new OutputText(tokenizer, request.Sampling.Stop, request.Sampling.MinTokens, skipSpecial, kept);
                var stream = new TokenStream(text, MostUnread, generation.Wake, this);
                if (!_engine.TrySubmit(request, stream, out Sequence? sequence))
                {
                    throw _ended.Task.IsCompleted
                        ? new ApiException(503, "the engine has ended")
                        : new ApiException(429, "as many requests wait as can; ask again later", code: "rate_limit_exceeded") { RetryAfter = TimeSpan.FromSeconds(1) };
                }

                generation.Set(i, stream, sequence);
            }

            return generation;
        }
        catch
        {
            generation.Dispose();
            throw;
        }
    }

    /// <summary>Takes note that a request has ended in a fault.</summary>
    public void NoteFault() => Volatile.Write(ref _lastFault, TimeProvider.System.GetTimestamp());

    /// <summary>Ends a sequence.</summary>
    public void Cancel(Sequence sequence) => _engine.Cancel(sequence);

    public void Dispose()
    {
        _stop.Cancel();
        if (_thread.IsAlive)
        {
            _thread.Join();
        }

        _engine.Dispose();
        Metrics?.Dispose();
        _stop.Dispose();
    }

    private void Run()
    {
        try
        {
            _engine.Run(_stop.Token);
            _ended.SetResult();
        }
#pragma warning disable CA1031 // Whoever waits for the engine gets it, whatever it is; a thread has nobody else to throw it to.
        catch (Exception e)
#pragma warning restore CA1031
        {
            _ended.SetException(e);
        }
    }
}
