using System.Collections.Immutable;
using System.Runtime.ExceptionServices;

namespace Lean.Comm;

/// <summary>Ranks that are threads of one process.</summary>
public abstract class RankWorld : IRankStatus, IDisposable
{
    private string? _fault;

    private protected RankWorld(ParallelLayout layout, Action<int>? pause) => (Layout, Pause) = (layout, pause);

    /// <inheritdoc/>
    public ParallelLayout Layout { get; }

    /// <inheritdoc/>
    public abstract string Transport { get; }

    /// <inheritdoc/>
    public string? Verdict => Fault;

    /// <summary>Whether a rank hangs in its device, which nothing ends: what it uses must then stay until the process ends.</summary>
    public virtual bool IsStuck => false;

    internal Action<int>? Pause { get; }

    internal string? Fault => Volatile.Read(ref _fault);

    /// <summary>One rank's view, for its thread.</summary>
    public abstract RankCollectives this[int rank] { get; }

    /// <inheritdoc/>
    public ImmutableArray<RankStatus> Ranks() => [.. All().Select(static r => RankStatus.Of(r.Recorder, RankState.Answered))];

    /// <summary>All ranks' rings.</summary>
    /// <param name="reason">Why they are wanted, in one sentence.</param>
    public FlightDump Dump(string reason) => new(
        DateTimeOffset.UtcNow, BuildIdentity.Current, Layout, Transport, reason, [.. All().Select(static r => r.Recorder.Report())]);

    /// <summary>Ends what would otherwise hang: see <see cref="Watchdog"/>.</summary>
    /// <param name="limit">How long a rank may wait in one collective.</param>
    public Watchdog Watch(TimeSpan limit) => new(limit, All().Select(static r => r.Recorder), Dump, Abort);

    /// <summary>Makes all ranks' calls throw.</summary>
    /// <param name="reason">Why, in one sentence; the first one stays.</param>
    public void Abort(string reason)
    {
        if (Interlocked.CompareExchange(ref _fault, reason, null) is null)
        {
            Faulted(reason);
            foreach (RankCollectives rank in All())
            {
                rank.Tell(reason);
            }
        }
    }

    /// <summary>Runs a body on every rank, a thread each, and leaves when all have ended.</summary>
    /// <param name="body">What a rank does. An exception on one rank ends the collectives of all.</param>
    public void Run(Action<ICollectives> body)
    {
        ExceptionDispatchInfo? first = null;
        var threads = new Thread[Layout.Ranks];
        for (int rank = 0; rank < threads.Length; rank++)
        {
            RankCollectives collectives = this[rank];
            threads[rank] = new Thread(() =>
            {
                try
                {
                    Entering(collectives.Rank);
                    body(collectives);
                    Left(collectives.Rank);
                }
#pragma warning disable CA1031 // Whatever ends a rank is told to the others, and thrown once they have ended.
                catch (Exception fault)
#pragma warning restore CA1031
                {
                    Interlocked.CompareExchange(ref first, ExceptionDispatchInfo.Capture(fault), null);
                    Abort($"rank {collectives.Rank} ended in an error: {fault.Message}");
                }
            })
            { Name = $"rank {rank}", IsBackground = true };
        }

        foreach (Thread thread in threads)
        {
            thread.Start();
        }

        foreach (Thread thread in threads)
        {
            Await(thread);
        }

        first?.Throw();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the ranks hold.</summary>
    protected virtual void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (RankCollectives rank in All())
            {
                rank.Dispose();
            }
        }
    }

    /// <summary>A rank's thread begins.</summary>
    private protected virtual void Entering(int rank)
    {
    }

    /// <summary>A rank will submit nothing more.</summary>
    private protected virtual void Left(int rank)
    {
    }

    /// <summary>Waits for a rank's thread.</summary>
    private protected virtual void Await(Thread thread) => thread.Join();

    /// <summary>The first fault has come: whoever waits is to see it.</summary>
    private protected abstract void Faulted(string reason);

    private IEnumerable<RankCollectives> All() => Enumerable.Range(0, Layout.Ranks).Select(rank => this[rank]);
}
