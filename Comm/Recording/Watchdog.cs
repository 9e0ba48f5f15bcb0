using System.Globalization;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// Ends what would otherwise hang: where a rank of this process waits in a collective for longer than the limit, it collects
/// all ranks' rings, finds the culprit, keeps the dump as a file, and makes every rank's calls throw the verdict.
/// </summary>
public sealed class Watchdog : IDisposable
{
    /// <summary>The limit where nobody gives one.</summary>
    public const int DefaultSeconds = 30;

    /// <summary>The environment variable that gives the limit.</summary>
    public const string Variable = "LEAN_WATCHDOG_SECONDS";

    /// <summary>The environment variable that gives the folder for dumps.</summary>
    public const string FolderVariable = "LEAN_DUMP_DIR";

    private const int ChecksPerLimit = 10;

    private readonly TimeSpan _limit;
    private readonly FlightRing[] _rings;
    private readonly Func<string, FlightDump?> _collect;
    private readonly Action<string> _abort;
    private readonly Thread _thread;
    private readonly ManualResetEventSlim _ended = new();

    /// <summary>Begins to watch.</summary>
    /// <param name="limit">How long a rank may wait in one collective.</param>
    /// <param name="rings">The rings of this process's ranks.</param>
    /// <param name="collect">Gets all ranks' rings, given the reason; null where somebody else deals with it.</param>
    /// <param name="abort">Ends all ranks' collectives with a sentence.</param>
    public Watchdog(TimeSpan limit, IEnumerable<FlightRing> rings, Func<string, FlightDump?> collect, Action<string> abort)
    {
        (_limit, _rings, _collect, _abort) = (limit, [.. rings], collect, abort);
        _thread = new Thread(Watch) { Name = "watchdog", IsBackground = true };
        _thread.Start();
    }

    /// <summary>The limit that an option, or the environment, gives.</summary>
    /// <param name="option">What --watchdog was given, or null.</param>
    /// <exception cref="InputException">It is no number of seconds above 0.</exception>
    public static TimeSpan Limit(string? option = null)
    {
        (string name, string? text) = option is null ? (Variable, Environment.GetEnvironmentVariable(Variable)) : ("--watchdog", option);
        return text is null or "" ? TimeSpan.FromSeconds(DefaultSeconds)
            : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double seconds) && seconds is >= 0.1 and <= 86400
                ? TimeSpan.FromSeconds(seconds)
                : throw new InputException($"{name} is '{text}', expected seconds from 0.1 to 86400");
    }

    /// <summary>The sentence all ranks end with: the verdict, where the dump lies, and what usually helps.</summary>
    /// <param name="dump">All ranks' rings.</param>
    /// <param name="isFault">Whether a rank said what is wrong, which is the dump's reason; otherwise somebody only waited.</param>
    public static string Conclude(FlightDump dump, bool isFault = false)
    {
        Verdict verdict = Verdict.Of(dump);
        string hint = IsSelfTest(dump, verdict)
            ? "; this is the start-up self-test: usual causes are GPUs without peer-to-peer access, a network interface that hosts do not share, or a firewall" : "";
        string kept;
        try
        {
            string folder = Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } given ? given : Path.GetTempPath();
            string path = Path.Combine(folder, $"lean-{dump.Created.UtcDateTime:yyyyMMdd-HHmmss}-{Environment.ProcessId}.ring");
            dump.Save(path);
            kept = $"see lean diagnose {path}";
        }
        catch (MachineException fault)
        {
            // Without a file the verdict still stands.
            kept = fault.Message;
        }

        return $"{(isFault ? dump.Reason : verdict.Sentence)}{hint} ({kept})";
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended.Set();
        if (Thread.CurrentThread != _thread)
        {
            _thread.Join();
        }

        _ended.Dispose();
    }

    private static bool IsSelfTest(FlightDump dump, Verdict verdict) => dump.Reports.SelectMany(static r => r.Records)
        .Any(r => r.Step == verdict.Step && r.Seq == verdict.Seq && r.Purpose == CollectivePurpose.SelfTest);

    private void Watch()
    {
        while (!_ended.Wait(_limit / ChecksPerLimit))
        {
            foreach (FlightRing ring in _rings)
            {
                if (ring.Last() is { Finished: 0 } last && ring.Waited(last) > _limit.TotalNanoseconds)
                {
                    string reason = $"rank {ring.Rank} waited {_limit.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s in seq {last.Seq} ({last.Use}) of step {last.Step}";
                    if (_collect(reason) is { } dump)
                    {
                        _abort(Conclude(dump));
                    }

                    return;
                }
            }
        }
    }
}
