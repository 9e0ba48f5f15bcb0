using System.Net;
using System.Net.Sockets;
using System.Text;
using Lean.Tensors;

namespace Lean.Comm.Tests;

public sealed class ControlChannelTests
{
    private const string Build = "build";
    private static readonly byte[] s_secret = Encoding.UTF8.GetBytes("a secret that all ranks know");
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task What_rank_0_publishes_reaches_every_member_in_order()
    {
        using var coordinator = new Coordinator(3, new IPEndPoint(IPAddress.Loopback, 0), s_secret, Build);
        Task<ControlMember>[] joining = [.. Enumerable.Range(1, 2).Select(rank => Task.Run(() => Member(coordinator.Port, rank)))];
        coordinator.Gather(s_limit);
        _ = coordinator.Publish("id of tp", [1, 2, 3]);
        _ = coordinator.Publish("id of ep", new byte[4096]);
        foreach (Task<ControlMember> join in joining)
        {
            using ControlMember member = await join;
            Assert.Equal([1, 2, 3], member.Publish("id of tp", []));
            Assert.Contains("expected 'id of dp' from rank 0, which published 'id of ep'", Assert.Throws<MachineException>(() => member.Publish("id of dp", [])).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Strangers_and_noise_do_not_disturb_those_who_belong()
    {
        using var coordinator = new Coordinator(2, new IPEndPoint(IPAddress.Loopback, 0), s_secret, Build);
        var random = new Random(3);
        for (int i = 0; i < 20; i++)
        {
            using Socket stranger = Connect(coordinator.Port);
            byte[] noise = new byte[random.Next(200)];
            random.NextBytes(noise);
            if (i % 2 == 0)
            {
                "LEANCTRL\u0001\0\0\0"u8.CopyTo(noise.Length > 12 ? noise : noise = new byte[12]);
            }

            stranger.Send(noise);
        }

        using Socket forger = Connect(coordinator.Port);
        Assert.Throws<MachineException>(() => ControlLink.Connect(forger, Encoding.UTF8.GetBytes("not the secret at all"), s_limit));
        Task<ControlMember> joining = Task.Run(() => Member(coordinator.Port, 1, ranks: 2));
        coordinator.Gather(s_limit);
        using ControlMember member = await joining;
        Assert.Equal([7], Published(coordinator, member));
    }

    [Fact]
    public async Task A_frame_that_was_changed_on_its_way_is_refused()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        using Socket outer = Connect(((IPEndPoint)listener.LocalEndPoint!).Port), inner = listener.Accept();
        Task<ControlLink> accepting = Task.Run(() => ControlLink.Accept(inner, s_secret, s_limit));
        using ControlLink sender = ControlLink.Connect(outer, s_secret, s_limit);
        using ControlLink receiver = await accepting;
        sender.Send(ControlMessage.Publish, [1, 2, 3]);
        Assert.Equal([1, 2, 3], receiver.Receive().Bytes);
        // A frame of three bytes as the protocol has it, with a MAC of nobody's.
        outer.Send([(byte)ControlMessage.Publish, 0, 0, 0, 3, 0, 0, 0, 1, 2, 3, .. new byte[32]]);
        Assert.Contains("was not made by the other rank", Assert.Throws<MachineException>(() => receiver.Receive()).Message, StringComparison.Ordinal);
        outer.Send([(byte)ControlMessage.Publish, 0, 0, 0, 255, 255, 255, 127]);
        Assert.Contains("a frame of 2147483647 bytes", Assert.Throws<MachineException>(() => receiver.Receive()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_rank_that_comes_twice_ends_the_rendezvous()
    {
        using var coordinator = new Coordinator(3, new IPEndPoint(IPAddress.Loopback, 0), s_secret, Build);
        Task<MachineException>[] joining = [.. Enumerable.Range(0, 2).Select(_ => Task.Run(() => Assert.Throws<MachineException>(() => Member(coordinator.Port, 1))))];
        Assert.Equal("two processes say that they are rank 1", Assert.Throws<MachineException>(() => coordinator.Gather(s_limit)).Message);
        Assert.All(await Task.WhenAll(joining), static fault => Assert.Equal("two processes say that they are rank 1", fault.Message));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_rank_that_falls_silent_while_nobody_waits_for_it_is_named(bool reports)
    {
        using var world = new LoopbackWorld(new ParallelLayout(2, 1, expert: false));
        using var coordinator = new Coordinator(2, new IPEndPoint(IPAddress.Loopback, 0), s_secret, Build);
        using Socket socket = Connect(coordinator.Port);
        using ControlLink member = ControlLink.Connect(socket, s_secret, s_limit);
        member.Send(ControlMessage.Hello, new ByteWriter().Int(1).Int(2).Text(Build, 100).Written);
        coordinator.Gather(s_limit);
        var told = new TaskCompletionSource<string>();
        world[0].TellFault(told.SetResult);
        coordinator.Attach(world[0], TimeSpan.FromSeconds(0.4));
        var sign = new ByteWriter();
        if (reports)
        {
            // It stops between what it reports and its next sign of life.
            member.Send(ControlMessage.Report, sign.Text("loaded", 100).Block([]).Written);
        }
        else
        {
            FlightDumpFormat.Write(sign, new RankReport(1, RankState.Answered, FlightRing.Now, []));
            CollectiveTimes.None.Write(sign);
            CollectiveTimes.None.Write(sign);
            member.Send(ControlMessage.Heartbeat, sign.Written);
        }

        string verdict = await told.Task.WaitAsync(s_limit, TestContext.Current.CancellationToken);
        Assert.Matches(@"^rank 1 does not answer since \d+\.\d s \(stopped, or out of reach\); rank 1 was not seen in any collective \(see lean diagnose .*\.ring\)$", verdict);
        string dump = verdict[(verdict.LastIndexOf(' ') + 1)..^1];
        Assert.Equal([1], Verdict.Of(FlightDump.Load(dump)).Culprits);
        File.Delete(dump);
    }

    [Fact]
    public async Task A_coordinator_that_is_gone_was_last_seen_where_its_last_sign_of_life_was()
    {
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        Task<ControlMember> joining = Task.Run(() => Member(((IPEndPoint)listener.LocalEndPoint!).Port, 1, ranks: 2));
        using Socket socket = await listener.AcceptAsync(TestContext.Current.CancellationToken);
        ControlLink coordinator = ControlLink.Accept(socket, s_secret, s_limit);
        coordinator.Send(ControlMessage.Welcome, []);
        using ControlMember member = await joining;
        using var world = new LoopbackWorld(new ParallelLayout(2, 1, expert: false));
        var told = new TaskCompletionSource<string>();
        world[1].TellFault(told.SetResult);
        member.Attach(world[1], s_limit);
        foreach (int step in (int[])[6, 7])
        {
            var sign = new ByteWriter();
            FlightDumpFormat.Write(sign, new RankReport(0, RankState.Answered, FlightRing.Now, [
                new FlightRecord(step, 3, CollectiveKind.AllReduce, GroupKind.Tensor, DType.F32, CollectivePurpose.Mlp, 2, 4, 4, 64, 1, 1, 1, 1, 0)]));
            CollectiveTimes.None.Write(sign);
            CollectiveTimes.None.Write(sign);
            coordinator.Send(ControlMessage.Heartbeat, sign.Written);
        }

        coordinator.Dispose();
        string verdict = await told.Task.WaitAsync(s_limit, TestContext.Current.CancellationToken);
        Assert.StartsWith("the coordinator is lost: rank 0 is gone (its process ended); rank 0 was last seen at step 7, seq 3 (all_reduce, layer 2, mlp) (see lean diagnose ", verdict, StringComparison.Ordinal);
        string dump = verdict[(verdict.LastIndexOf(' ') + 1)..^1];
        Assert.Equal([0], Verdict.Of(FlightDump.Load(dump)).Culprits);
        File.Delete(dump);
    }

    private static byte[] Published(Coordinator coordinator, ControlMember member)
    {
        _ = coordinator.Publish("seven", [7]);
        return member.Publish("seven", []);
    }

    private static ControlMember Member(int port, int rank, int ranks = 3) => new(rank, ranks, [new IPEndPoint(IPAddress.Loopback, port)], s_secret, Build, s_limit);

    private static Socket Connect(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Connect(new IPEndPoint(IPAddress.Loopback, port));
        return socket;
    }
}
