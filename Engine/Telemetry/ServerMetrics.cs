using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Globalization;
using Lean.Engine.Running;

namespace Lean.Engine.Telemetry;

/// <summary>
/// What the server tells of itself, under vLLM's names where it has one, so that dashboards carry over. The engine and the
/// streams write here; nothing of what they do depends on it.
/// </summary>
internal sealed class ServerMetrics : IEngineObserver, IDisposable
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "Lean";

    private static readonly InstrumentAdvice<double> Latency = Buckets(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640, 2560);
    private static readonly InstrumentAdvice<double> TokenLatency = Buckets(0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80);
    private static readonly InstrumentAdvice<double> Counts = Buckets(1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 65536, 262144);

    private readonly Counter<long> _promptTokens;
    private readonly Counter<long> _generatedTokens;
    private readonly Counter<long> _prefixQueries;
    private readonly Counter<long> _prefixHits;
    private readonly Counter<long> _ended;
    private readonly Histogram<double> _firstToken;
    private readonly Histogram<double> _interToken;
    private readonly Histogram<double> _whole;
    private readonly Histogram<double> _queued;
    private readonly Histogram<double> _prefill;
    private readonly Histogram<double> _decode;
    private readonly Histogram<double> _requestPrompt;
    private readonly Histogram<double> _requestComputed;
    private readonly Histogram<double> _requestGenerated;
    private readonly Histogram<double> _stepTokens;
    private readonly Histogram<double> _batch;
    private int _running;
    private int _waiting;
    private int _blocksInUse;
    private long _preemptions;

    public ServerMetrics()
    {
        Meter = new Meter(MeterName);
        Meter.CreateObservableGauge("vllm.num_requests_running", () => Volatile.Read(ref _running), "{sequence}", "Sequences that run");
        Meter.CreateObservableGauge("vllm.num_requests_waiting", () => Volatile.Read(ref _waiting), "{sequence}", "Sequences that wait");
        Meter.CreateObservableGauge("vllm.kv_cache_usage_perc", () => (double)Volatile.Read(ref _blocksInUse) / int.Max(1, Blocks), "1", "Share of the cache blocks that sequences have, 1 for all");
        Meter.CreateObservableCounter("vllm.num_preemptions", () => Volatile.Read(ref _preemptions), "{preemption}", "How often a sequence had to give its blocks back");
        Meter.CreateObservableGauge("process.resident_memory_bytes", static () => Environment.WorkingSet, "By", "Resident memory");
        Meter.CreateObservableCounter("process.cpu_seconds", static () => Environment.CpuUsage.TotalTime.TotalSeconds, "s", "User and system time");
        _promptTokens = Meter.CreateCounter<long>("vllm.prompt_tokens", "{token}", "Tokens of prompts");
        _generatedTokens = Meter.CreateCounter<long>("vllm.generation_tokens", "{token}", "Tokens generated");
        _prefixQueries = Meter.CreateCounter<long>("vllm.prefix_cache_queries", "{token}", "Tokens of prompts that were looked for in the prefix cache");
        _prefixHits = Meter.CreateCounter<long>("vllm.prefix_cache_hits", "{token}", "Tokens of prompts that were found there");
        _ended = Meter.CreateCounter<long>("vllm.request_success", "{sequence}", "Sequences that ended, by why they did");
        _firstToken = Histogram("vllm.time_to_first_token_seconds", "s", "From a sequence's arrival to its first token", Latency);
        _interToken = Histogram("vllm.inter_token_latency_seconds", "s", "From one token of a sequence to the next", TokenLatency);
        _whole = Histogram("vllm.e2e_request_latency_seconds", "s", "From a sequence's arrival to its end", Latency);
        _queued = Histogram("vllm.request_queue_time_seconds", "s", "From a sequence's arrival until it first runs", Latency);
        _prefill = Histogram("vllm.request_prefill_time_seconds", "s", "From when a sequence first runs to its first token", Latency);
        _decode = Histogram("vllm.request_decode_time_seconds", "s", "From a sequence's first token to its last", Latency);
        _requestPrompt = Histogram("vllm.request_prompt_tokens", "{token}", "Tokens of a sequence's prompt", Counts);
        _requestComputed = Histogram("vllm.request_prefill_kv_computed_tokens", "{token}", "Tokens of a sequence's prompt that were computed, since the caches had the others", Counts);
        _requestGenerated = Histogram("vllm.request_generation_tokens", "{token}", "Tokens generated for a sequence", Counts);
        _stepTokens = Histogram("vllm.iteration_tokens_total", "{token}", "Tokens that a step computes", Counts);
        _batch = Histogram("lean.batch_sequences", "{sequence}", "Sequences that a step computes for", Counts);
    }

    /// <summary>Cache blocks that there are.</summary>
    public int Blocks { get; set; }

    /// <summary>The meter.</summary>
    public Meter Meter { get; }

    /// <summary>Tells how drafts do, too.</summary>
    /// <param name="drafts">Counts them.</param>
    /// <param name="most">The most there are ahead of a step.</param>
    public void Watch(DraftStatistics drafts, int most)
    {
        KeyValuePair<string, object?>[] positions = [.. Enumerable.Range(0, most).Select(static i => new KeyValuePair<string, object?>("position", i.ToString(CultureInfo.InvariantCulture)))];
        Meter.CreateObservableCounter("vllm.spec_decode_num_drafts", () => drafts.Verifications, "{pass}", "Runs of the model that verified drafts, for each sequence by itself");
        Meter.CreateObservableCounter("vllm.spec_decode_num_draft_tokens", () => drafts.AllDrafted, "{token}", "Tokens that were drafted and verified");
        Meter.CreateObservableCounter("vllm.spec_decode_num_accepted_tokens", () => drafts.AllAccepted, "{token}", "Those of them that were right");
        Meter.CreateObservableCounter(
            "vllm.spec_decode_num_accepted_tokens_per_pos", () => positions.Select((tag, i) => new Measurement<long>(drafts.Accepted(1 + i), tag)), "{token}", "The same, by how far ahead they were drafted, from 0");
        Meter.CreateObservableCounter("lean.target_passes", () => drafts.TargetPasses, "{pass}", "Runs of the model that chose tokens, for each sequence by itself: each gives one, and what was accepted");
    }

    /// <summary>Tells what the model's products take, too: a fact, as a gauge of 1 with the fact as its label.</summary>
    /// <param name="activations">f32 or bf16.</param>
    public void Tell(string activations)
    {
        var type = new KeyValuePair<string, object?>("type", activations);
        Meter.CreateObservableGauge("lean.activations", () => new Measurement<int>(1, type), description: "What matrix products with bf16 weights take of their rows");
    }

    /// <inheritdoc/>
    public void Stepped(in EngineFigures figures)
    {
        Volatile.Write(ref _running, figures.Running);
        Volatile.Write(ref _waiting, figures.Waiting);
        Volatile.Write(ref _blocksInUse, figures.BlocksInUse);
        Volatile.Write(ref _preemptions, figures.Preemptions);
        if (figures.Rows > 0)
        {
            _stepTokens.Record(figures.Rows);
            _batch.Record(figures.Sequences);
        }
    }

    /// <summary>A sequence has got its first token.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="arrived">When it arrived.</param>
    /// <param name="now">The time.</param>
    public void First(Sequence sequence, long arrived, long now)
    {
        _promptTokens.Add(sequence.PromptLength);
        _prefixQueries.Add(sequence.PromptLength);
        _prefixHits.Add(sequence.CachedTokens);
        _requestComputed.Record(sequence.PromptLength - sequence.CachedTokens);
        _generatedTokens.Add(1);
        _firstToken.Record(Seconds(arrived, now));
        if (sequence.Admitted != 0)
        {
            _queued.Record(Seconds(arrived, sequence.Admitted));
            _prefill.Record(Seconds(sequence.Admitted, now));
        }
    }

    /// <summary>A sequence has got another token.</summary>
    /// <param name="last">When it got the one before.</param>
    /// <param name="now">The time.</param>
    public void Next(long last, long now)
    {
        _generatedTokens.Add(1);
        _interToken.Record(Seconds(last, now));
    }

    /// <summary>A sequence has ended.</summary>
    /// <param name="sequence">The sequence.</param>
    /// <param name="arrived">When it arrived.</param>
    /// <param name="first">When it got its first token; 0 if it never did.</param>
    /// <param name="now">The time.</param>
    public void Ended(Sequence sequence, long arrived, long first, long now)
    {
        _ended.Add(1, new KeyValuePair<string, object?>("finished_reason", sequence.Finish switch
        {
            FinishReason.Stop or FinishReason.StopString => "stop",
            FinishReason.Length or FinishReason.Deadline => "length",
            FinishReason.Fault => "error",
            _ => "abort",
        }));
        _whole.Record(Seconds(arrived, now));
        _requestPrompt.Record(sequence.PromptLength);
        _requestGenerated.Record(sequence.Generated);
        if (first != 0)
        {
            _decode.Record(Seconds(first, now));
        }
    }

    public void Dispose() => Meter.Dispose();

    private static double Seconds(long from, long to) => Stopwatch.GetElapsedTime(from, to).TotalSeconds;

    private static InstrumentAdvice<double> Buckets(params double[] bounds) => new() { HistogramBucketBoundaries = bounds };

    private Histogram<double> Histogram(string name, string unit, string description, InstrumentAdvice<double> advice) =>
        Meter.CreateHistogram(name, unit, description, tags: null, advice);
}
