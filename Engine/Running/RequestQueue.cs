using System.Diagnostics.CodeAnalysis;
using System.Threading.Channels;
using Lean.Engine.Caches;
using Lean.Engine.Drafting;
using Lean.Engine.Models;
using Lean.Kernels;
using Lean.Tensors;

namespace Lean.Engine.Running;

/// <summary>
/// Where requests come in. Any thread submits and cancels, the engine's takes; what can never run is refused before it waits.
/// </summary>
/// <param name="config">The model.</param>
/// <param name="caches">How large a replica's caches are.</param>
/// <param name="options">Limits.</param>
/// <param name="capacity">The most requests that are open at a time.</param>
internal sealed class RequestQueue(ModelConfig config, CachePlan caches, EngineOptions options, int capacity)
{
    private readonly Channel<Sequence> _inbound = Channel.CreateBounded<Sequence>(new BoundedChannelOptions(capacity) { SingleReader = true });
    private int _open;
    private int _cancels;

    /// <summary>Sequences that were submitted and have not ended.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>Takes a request: <see cref="GenerationEngine.TrySubmit"/>.</summary>
    public bool TrySubmit(GenerationRequest request, ISequenceListener? listener, [NotNullWhen(true)] out Sequence? sequence, string subject)
    {
        PromptCheck.Check(request, config, subject);
        sequence = new Sequence(request, config, listener)
        {
            Deadline = request.TimeLimit is { } limit ? After(limit) : long.MaxValue,
        };
        CheckRoom(sequence, subject);
        sequence.HostDrafts = DraftsOnHost(sequence);
        sequence.AdaptsDepth = AdaptsDepth(request);
        if (Interlocked.Increment(ref _open) > capacity)
        {
            Interlocked.Decrement(ref _open);
            sequence = null;
            return false;
        }

        // The queue has room for all that are let in, so only an engine that has ended refuses one.
        if (!_inbound.Writer.TryWrite(sequence))
        {
            Interlocked.Decrement(ref _open);
            sequence = null;
            return false;
        }

        return true;
    }

    /// <summary>Marks a sequence as not wanted any more.</summary>
    public void Cancel(Sequence sequence)
    {
        sequence.IsCancelled = true;
        Volatile.Write(ref _cancels, 1);
    }

    /// <summary>Gives the engine the next one, if there is one.</summary>
    public bool TryTake([NotNullWhen(true)] out Sequence? sequence)
    {
        bool taken = _inbound.Reader.TryRead(out sequence);
        if (taken && sequence!.IsCancelled)
        {
            Volatile.Write(ref _cancels, 1);
        }

        return taken;
    }

    /// <summary>Whether sequences were cancelled since the last call.</summary>
    public bool TakeCancels() => Volatile.Read(ref _cancels) != 0 && Interlocked.Exchange(ref _cancels, 0) != 0;

    /// <summary>Waits for a request.</summary>
    /// <param name="wake">Ends the wait.</param>
    public void Wait(CancellationToken wake)
    {
        try
        {
            _inbound.Reader.WaitToReadAsync(wake).AsTask().GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            // Whoever asked for it is looked at next.
        }
    }

    /// <summary>A sequence has ended: there is room for another.</summary>
    public void Ended() => Interlocked.Decrement(ref _open);

    /// <summary>Refuses all further requests.</summary>
    public void Close() => _inbound.Writer.TryComplete();

    /// <summary>Drafts that the device makes for a request ahead of each step, at most.</summary>
    public int DeviceDrafts(GenerationRequest request) => LooksUp(request) ? 0 : Depth(request);

    private long After(TimeSpan limit) =>
        options.Clock.GetTimestamp() + (long)double.Min(limit.TotalSeconds * options.Clock.TimestampFrequency, long.MaxValue / 2);

    private void CheckRoom(Sequence sequence, string subject)
    {
        if (sequence.Blocks.Length > caches.Blocks)
        {
            throw new InputException(
                $"{subject} of {sequence.PromptLength:N0} tokens and max_tokens of {sequence.MaxTokens:N0} need {sequence.Blocks.Length:N0} cache blocks of {Grid.Cell} positions, but there are {caches.Blocks:N0} ({CachePlan.Size(caches.Bytes)} of caches); a larger --cache-memory gives more");
        }

        long listed = long.Max(sequence.Sampler.MostSeen, sequence.Sampler.MostBiases) * caches.Slots * caches.Versions;
        if (listed > int.MaxValue)
        {
            throw new InputException(
                $"the penalties and biases of {caches.Slots} prompts at a time list {listed:N0} tokens, expected at most {int.MaxValue:N0}");
        }
    }

    // A request may want fewer drafts than there can be.
    private int Depth(GenerationRequest request) => int.Min(request.Speculate ?? caches.Drafts, caches.Drafts);

    private bool LooksUp(GenerationRequest request) => caches.Drafter == DrafterKind.Lookup || request.Drafter == DrafterKind.Lookup;

    // Where the next choice waits for the host anyway, so do the drafts behind it.
    private HostDrafts? DraftsOnHost(Sequence sequence)
    {
        int depth = Depth(sequence.Request);
        bool looksUp = LooksUp(sequence.Request);
        return depth == 0 || !(looksUp || sequence.Sampler.NeedsCommit) ? null
            : new HostDrafts(looksUp ? new PromptLookup(sequence.Tokens, sequence.Room) : HeadDrafts.Shared, depth);
    }

    // A lookup costs nothing, and proposes only where the text repeats itself.
    private bool AdaptsDepth(GenerationRequest request) =>
        !LooksUp(request) && (request.AdaptsDepth || (options.AdaptsDepth && request.Speculate is null));
}
