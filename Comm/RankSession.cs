using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Lean.Tensors;

namespace Lean.Comm;

/// <summary>
/// One process among several: found by its launcher's variables, connected to the others, tested. Where MASTER_ADDR and
/// MASTER_PORT are set, ranks meet there first, so that one which never starts is named; otherwise MPI brings them together
/// and tells them where rank 0 listens.
/// </summary>
public sealed class RankSession : IDisposable
{
    // How long a process that is told to end still waits to learn that there is a reason, and then to say it.
    private static readonly TimeSpan s_lastWords = TimeSpan.FromSeconds(1.5);

    // Collecting rings takes a second where a rank is silent.
    private static readonly TimeSpan s_verdict = TimeSpan.FromSeconds(5);

    private const int SecretBytes = 32;
    private const int ShortestSecret = 16;
    private const int TerminatedCode = 128 + 15;

    // A registration ends with its object; this one lasts as long as the process.
    private static PosixSignalRegistration? s_untilTheEnd;

    private readonly PosixSignalRegistration _signal;

    // Where ranks with devices were brought together by MPI.
    private readonly bool _leavesMpi;

    private RankSession(ControlChannel control, RankCollectives collectives, bool leavesMpi)
    {
        (Control, Collectives, _leavesMpi) = (control, collectives, leavesMpi);
        _signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context =>
        {
            if (Terminated is { } terminated)
            {
                terminated(context);
                return;
            }

            // mpirun ends all processes as soon as one has died; the verdict that names it is on its way.
            context.Cancel = true;
            new Thread(() =>
            {
                if (control.AwaitVerdict(s_lastWords) || (control.IsConcluding && control.AwaitVerdict(s_verdict)))
                {
                    Thread.Sleep(s_lastWords);
                }

                Environment.Exit(TerminatedCode);
            })
            { IsBackground = true }.Start();
        });
    }

    /// <summary>
    /// What SIGTERM does, where ranks end in order: rank 0 ends what it does and tells the others, and those wait for that or
    /// for the verdict. Null for the default, which ends the process soon.
    /// </summary>
    public Action<PosixSignalContext>? Terminated { get; set; }

    /// <summary>The channel beside the data path.</summary>
    public ControlChannel Control { get; }

    /// <summary>What all ranks do, as rank 0 knows it.</summary>
    /// <exception cref="InvalidOperationException">This is another rank.</exception>
    public IRankStatus Status => Control as IRankStatus ?? throw new InvalidOperationException("rank 0 alone knows what the others do");

    /// <summary>This rank's collectives.</summary>
    public RankCollectives Collectives { get; }

    /// <summary>Joins the others by MPI; returns when the self-test has passed.</summary>
    /// <param name="environment">What the launcher says.</param>
    /// <param name="layout">How ranks are laid out.</param>
    /// <param name="watchdog">How long a rank may wait in one collective.</param>
    /// <param name="rendezvous">How long ranks may take to come.</param>
    /// <param name="build">This build, or null for <see cref="BuildIdentity.Current"/>.</param>
    /// <exception cref="InputException">The layout has another number of ranks, or the secret is missing.</exception>
    /// <exception cref="MachineException">A rank did not come, is of another build, or the self-test failed.</exception>
    public static RankSession Start(RankEnvironment environment, ParallelLayout layout, TimeSpan watchdog, TimeSpan rendezvous, string? build = null)
    {
        (ControlChannel control, MpiProcess? process) = Meet(environment, layout, rendezvous, build ?? BuildIdentity.Current, needsMpi: true);
        var collectives = new MpiCollectives(process!, layout, control.Alarm);
        control.Attach(collectives, watchdog);
        return Tested(new RankSession(control, collectives, leavesMpi: false));
    }

    /// <summary>
    /// Joins the others by NCCL or oneCCL; returns when the self-test has passed. With MASTER_ADDR and MASTER_PORT nothing of
    /// MPI is needed.
    /// </summary>
    /// <param name="environment">What the launcher says.</param>
    /// <param name="layout">How ranks are laid out.</param>
    /// <param name="library">What moves the data.</param>
    /// <param name="open">Opens this rank's device, which the session owns from then on; null for a library that works in host memory.</param>
    /// <param name="watchdog">How long a rank may wait in one collective.</param>
    /// <param name="rendezvous">How long ranks may take to come, and again to open their devices and join their groups.</param>
    /// <param name="build">This build, or null for <see cref="BuildIdentity.Current"/>.</param>
    /// <exception cref="InputException">The layout has another number of ranks, or the secret is missing.</exception>
    /// <exception cref="MachineException">A rank did not come, is of another build, has no device, or the self-test failed.</exception>
    public static RankSession Start(
        RankEnvironment environment, ParallelLayout layout, CclLibrary library, Func<IRankDevice?> open, TimeSpan watchdog, TimeSpan rendezvous, string? build = null)
    {
        (ControlChannel control, MpiProcess? mpi) = Meet(environment, layout, rendezvous, build ?? BuildIdentity.Current, needsMpi: false);
        var process = new CclProcess(library, layout, control, environment.LocalRank);
        control.Attach(process.Collectives, watchdog);
        var session = new RankSession(control, process.Collectives, mpi is not null);
        try
        {
            process.Join(open, rendezvous);
        }
        catch (LeanException)
        {
            session.Dispose();
            throw;
        }

        return Tested(session);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        bool isWell = !Collectives.HasFailed;
        if (!isWell)
        {
            Control.AwaitVerdict(s_verdict);
        }

        Collectives.Dispose();
        if (_leavesMpi && isWell)
        {
            _ = CommLibrary.MpiFinalize();
        }

        Control.Dispose();
        if (isWell)
        {
            _signal.Dispose();
        }
        else
        {
            // Others have ended by now, for which mpirun ends this one: it has yet to say why, and there is no order to end in.
            (s_untilTheEnd, Terminated) = (_signal, null);
        }
    }

    private static RankSession Tested(RankSession session)
    {
        try
        {
            CommSelfTest.Run(session.Collectives);
            return session;
        }
        catch (MachineException)
        {
            session.Dispose();
            throw;
        }
    }

    private static (ControlChannel Control, MpiProcess? Process) Meet(RankEnvironment environment, ParallelLayout layout, TimeSpan rendezvous, string build, bool needsMpi)
    {
        if (environment.Ranks != layout.Ranks)
        {
            throw new InputException($"{layout} needs {layout.Ranks} processes, but {environment.Launcher} started {environment.Ranks}");
        }

        ControlChannel? control = environment.Address is null ? null : Meet(environment, environment.Address, Secret(), layout, rendezvous, build);
        MpiProcess? process = control is null || needsMpi ? MpiProcess.Join(rendezvous) : null;
        if (process is { Ranks: 1 } && environment.Ranks > 1)
        {
            throw new InputException($"{environment.Launcher} started {environment.Ranks} processes that MPI knows nothing of: " + (needsMpi
                ? "between CPUs tensors travel by MPI, so start them with mpirun or srun, or one process whose ranks are threads (--comm loopback)"
                : "start them with mpirun or srun, or set MASTER_ADDR and MASTER_PORT, where they meet without it"));
        }

        return process is not null && process.Rank != environment.Rank
            ? throw new InputException($"MPI says that this is rank {process.Rank}, {environment.Launcher} that it is rank {environment.Rank}")
            : (control ?? MeetByMpi(environment, process!, layout, rendezvous, build), process);
    }

    private static byte[] Secret() => Environment.GetEnvironmentVariable(RankEnvironment.SecretVariable) is { Length: >= ShortestSecret } secret
        ? Encoding.UTF8.GetBytes(secret)
        : throw new InputException(
            $"{RankEnvironment.SecretVariable} must be set for all ranks, to {ShortestSecret} characters or more: ranks that meet at MASTER_ADDR prove with it that they belong together (export {RankEnvironment.SecretVariable}=$(openssl rand -hex 16) before starting them)");

    private static ControlChannel Meet(RankEnvironment environment, string address, byte[] secret, ParallelLayout layout, TimeSpan limit, string build)
    {
        IPEndPoint[] places = [.. Resolve(address).Select(a => new IPEndPoint(a, environment.Port))];
        if (environment.Rank != 0)
        {
            return new ControlMember(environment.Rank, environment.Ranks, places, secret, build, limit);
        }

        // Only where others look for it.
        var coordinator = new Coordinator(environment.Ranks, places[0], secret, build);
        coordinator.Gather(limit, layout);
        return coordinator;
    }

    private static ControlChannel MeetByMpi(RankEnvironment environment, MpiProcess process, ParallelLayout layout, TimeSpan limit, string build)
    {
        if (process.Rank == 0)
        {
            byte[] secret = RandomNumberGenerator.GetBytes(SecretBytes);
            var coordinator = new Coordinator(environment.Ranks, new IPEndPoint(IPAddress.Any, 0), secret, build);
            var note = new ByteWriter().Block(secret).Int(coordinator.Port).Text(string.Join(' ', OwnAddresses()), 500);
            _ = MpiNote.Share(process, note.Written.ToArray(), limit);
            coordinator.Gather(limit, layout);
            return coordinator;
        }

        var read = new ByteReader(MpiNote.Share(process, [], limit), "rank 0's note");
        byte[] shared = read.Block("the secret", SecretBytes).ToArray();
        int port = read.Int("the port", 1, ushort.MaxValue);
        IPEndPoint[] places = [.. read.Text("the addresses", 500).Split(' ').Select(a => new IPEndPoint(IPAddress.Parse(a), port))];
        return new ControlMember(environment.Rank, environment.Ranks, places, shared, build, limit);
    }

    private static IPAddress[] Resolve(string address)
    {
        try
        {
            IPAddress[] found = Dns.GetHostAddresses(address);
            return found.Length > 0 ? found : throw new InputException($"MASTER_ADDR '{address}' has no address");
        }
        catch (Exception fault) when (fault is SocketException or ArgumentException)
        {
            throw new InputException($"MASTER_ADDR '{address}' cannot be resolved: {fault.Message}", fault);
        }
    }

    // The loopback address first: on one host it always works; elsewhere nobody there knows the secret.
    private static IEnumerable<IPAddress> OwnAddresses() => NetworkInterface.GetAllNetworkInterfaces()
        .Where(static i => i.OperationalStatus == OperationalStatus.Up || i.NetworkInterfaceType == NetworkInterfaceType.Loopback)
        .SelectMany(static i => i.GetIPProperties().UnicastAddresses.Select(static a => a.Address))
        .Where(static a => a.AddressFamily == AddressFamily.InterNetwork).Prepend(IPAddress.Loopback).Distinct().Take(20);
}
