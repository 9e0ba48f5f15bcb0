using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Lean.Comm.Tests;

/// <summary>Ranks that are processes: by mpirun, or started one by one with torchrun's variables.</summary>
/// <param name="ExitCode">mpirun's, or the largest.</param>
/// <param name="Output">All ranks' stdout.</param>
/// <param name="Error">All ranks' stderr.</param>
/// <param name="Sentences">In which ranks said why they end.</param>
/// <param name="Dumps">The files that ranks left.</param>
internal sealed record RankRun(int ExitCode, string Output, string Error, string[] Sentences, string[] Dumps)
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(2);

    // Longer than a rank takes to hear of a verdict, on a busy machine too; nobody waits for it where all end.
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(30);

    private static string Program { get; } = Path.GetFullPath(Path.Combine(
        AppContext.BaseDirectory, "../../../Ranks/bin", new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name, "net10.0/Lean.Comm.Ranks.dll"));

    /// <summary>Why mpirun cannot be used here, or null.</summary>
    internal static string? WhyNoMpi { get; } = CommLibrary.WhyUnavailable
        ?? ((Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(static f => File.Exists(Path.Combine(f, "mpirun"))) ? null : "mpirun (openmpi-bin) is not installed");

    /// <summary>Four ranks by mpirun.</summary>
    internal static RankRun Mpi(params string[] arguments)
    {
        Assert.SkipWhen(WhyNoMpi is not null, WhyNoMpi ?? "");
        string[] options = ["--allow-run-as-root", "--oversubscribe", "--mca", "btl_vader_single_copy_mechanism", "none", "--mca", "odls_base_sigkill_timeout", "4", "-n", "4"];
        using var run = new Running();
        run.Start("mpirun", [], [.. options, "dotnet", Program, .. arguments]);
        return run.End();
    }

    /// <summary>Ranks started one by one, as torchrun does. Rank 0 comes when all others are there, so that its limits are theirs too.</summary>
    /// <param name="ranks">The ranks that are started.</param>
    /// <param name="count">How many there should be.</param>
    /// <param name="secret">What a rank takes for the secret.</param>
    /// <param name="arguments">What all ranks get.</param>
    internal static RankRun Torch(int[] ranks, int count, Func<int, string?> secret, params string[] arguments)
    {
        // A port may be taken between its choice and its use.
        for (int attempt = 1; ; attempt++)
        {
            using var run = new Running();
            int port = FreePort();
            foreach (int rank in ranks.OrderDescending())
            {
                if (rank == 0)
                {
                    run.AwaitAll();
                }

                run.Start("dotnet", [("RANK", $"{rank}"), ("WORLD_SIZE", $"{count}"), ("LOCAL_RANK", $"{rank}"), ("MASTER_ADDR", "127.0.0.1"), ("MASTER_PORT", $"{port}"), ("LEAN_COMM_SECRET", secret(rank) ?? "")], [Program, .. arguments]);
            }

            RankRun ended = run.End();
            if (attempt == 5 || !ended.Error.Contains("rank 0 cannot listen at", StringComparison.Ordinal))
            {
                return ended;
            }
        }
    }

    private static int FreePort()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    /// <summary>Why each rank ended that did not end well.</summary>
    internal string[] Ends() => [.. Sentences.Select(static s => s.TrimEnd('\n')).Order(StringComparer.Ordinal)];

    private sealed class Running : IDisposable
    {
        private readonly DirectoryInfo _dumps = Directory.CreateTempSubdirectory("lean-ranks-");
        private readonly List<(Process Process, Task<string> Output, Task<string> Error)> _processes = [];

        public void Start(string program, (string Name, string Value)[] environment, string[] arguments)
        {
            var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true };
            start.Environment["LEAN_DUMP_DIR"] = _dumps.FullName;
            start.Environment["OMPI_MCA_mpi_yield_when_idle"] = "1";
            // mpirun gives its ranks a terminal, which .NET would greet with its escapes.
            start.Environment["TERM"] = "dumb";
            foreach ((string name, string value) in environment)
            {
                start.Environment[name] = value;
            }

            Process process = Process.Start(start)!;
            _processes.Add((process, process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()));
        }

        /// <summary>Waits until all that were started run.</summary>
        public void AwaitAll()
        {
            var waited = Stopwatch.StartNew();
            while (_dumps.EnumerateFiles("*.up").Count() < _processes.Count)
            {
                Assert.True(waited.Elapsed < s_patience, "ranks did not start");
                Thread.Sleep(20);
            }
        }

        public RankRun End()
        {
            EndWithTheFirst();
            (int code, string output, string error) = (0, "", "");
            foreach ((Process process, Task<string> standard, Task<string> errors) in _processes)
            {
                if (!process.WaitForExit(s_patience))
                {
                    process.Kill(entireProcessTree: true);
                    Assert.Fail($"a rank did not end within {s_patience}: {errors.GetAwaiter().GetResult()}");
                }

                code = int.Max(code, process.ExitCode);
                output += standard.GetAwaiter().GetResult();
                error += errors.GetAwaiter().GetResult();
            }

            string[] sentences = [.. _dumps.EnumerateFiles("*.end").Select(static f => File.ReadAllText(f.FullName))];
            return new RankRun(code, output, error, sentences, [.. _dumps.EnumerateFiles("*.ring").Select(f =>
            {
                // The folder goes with this object; the dump is read where the test says.
                string kept = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.ring");
                f.MoveTo(kept);
                return kept;
            })]);
        }

        // As launchers do: once a rank has failed, the others have some time to say why, and are killed.
        private void EndWithTheFirst()
        {
            var waited = Stopwatch.StartNew();
            TimeSpan end = s_patience;
            while (_processes.Any(static p => !p.Process.HasExited) && waited.Elapsed < end)
            {
                if (end == s_patience && _processes.Any(static p => p.Process is { HasExited: true, ExitCode: not 0 }))
                {
                    end = waited.Elapsed + s_lastWords;
                }

                Thread.Sleep(50);
            }

            foreach ((Process process, _, _) in _processes.Where(p => end != s_patience && !p.Process.HasExited))
            {
                process.Kill(entireProcessTree: true);
            }
        }

        public void Dispose()
        {
            foreach ((Process process, _, _) in _processes)
            {
                process.Dispose();
            }

            _dumps.Delete(recursive: true);
        }
    }
}
